/** How many reloads have ended, and how. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "fcgi_host/supervisor/reload_counts.h"

Test(reload_counts, an_application_begins_with_zeroes_and_is_there_once) {
    struct reload_counts counts = {0};
    const struct reload_count *count = reload_counts_of(&counts, "shared", "blog");
    cr_assert_eq(count->switched + count->kept + count->replaced, 0);
    cr_assert_eq(reload_counts_of(&counts, "shared", "blog"), count);
    cr_assert_eq(counts.count, 1);
    reload_counts_free(&counts);
}

Test(reload_counts, each_outcome_is_counted_for_its_application_in_its_process_group) {
    struct reload_counts counts = {0};
    reload_counts_add(&counts, "shared", "blog", RELOAD_OUTCOME_SWITCHED);
    reload_counts_add(&counts, "shared", "blog", RELOAD_OUTCOME_SWITCHED);
    reload_counts_add(&counts, "shared", "blog", RELOAD_OUTCOME_KEPT);
    reload_counts_add(&counts, "shared", "shop", RELOAD_OUTCOME_REPLACED);
    reload_counts_add(&counts, "blog", "blog", RELOAD_OUTCOME_REPLACED); /* it has moved */
    const struct reload_count *blog = counts.first, *shop = blog->next, *moved = shop->next;
    cr_assert_str_eq(blog->app, "blog");
    cr_assert(blog->switched == 2 && blog->kept == 1 && blog->replaced == 0);
    cr_assert_str_eq(shop->app, "shop");
    cr_assert(shop->switched == 0 && shop->kept == 0 && shop->replaced == 1);
    cr_assert_str_eq(moved->process, "blog");
    cr_assert(moved->switched == 0 && moved->kept == 0 && moved->replaced == 1);
    cr_assert_null(moved->next);
    reload_counts_free(&counts);
}

Test(reload_counts, what_is_no_end_of_a_reload_counts_nothing) {
    struct reload_counts counts = {0};
    reload_counts_add(&counts, "shared", "blog", RELOAD_OUTCOME_NONE);
    reload_counts_add(&counts, "shared", "blog", RELOAD_OUTCOME_NEEDS_WORKER);
    cr_assert_eq(counts.first->switched + counts.first->kept + counts.first->replaced, 0);
    reload_counts_free(&counts);
}

Test(reload_counts, scripts_beyond_the_limit_are_not_counted_and_those_before_are) {
    struct reload_counts counts = {0};
    char name[32];
    for (int i = 0; i < RELOAD_COUNTS_MAX; i++) {
        snprintf(name, sizeof name, "/srv/%d.py", i);
        cr_assert_not_null(reload_counts_of(&counts, "shared", name));
    }
    cr_assert_null(reload_counts_of(&counts, "shared", "/srv/more.py"));
    reload_counts_add(&counts, "shared", "/srv/more.py", RELOAD_OUTCOME_KEPT);
    reload_counts_add(&counts, "shared", "/srv/0.py", RELOAD_OUTCOME_KEPT);
    cr_assert_eq(counts.first->kept, 1);
    cr_assert_eq(counts.count, RELOAD_COUNTS_MAX);
    reload_counts_free(&counts);
}
