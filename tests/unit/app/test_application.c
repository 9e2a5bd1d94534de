#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/app/application.h"

Test(application, jitter_moves_max_requests_by_a_tenth_at_most) {
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t random = 0; random < 100000; random += 7) {
        uint64_t limit = application_jitter(1000, random);
        cr_assert(limit >= 900 && limit <= 1100, "%lu", (unsigned long)limit);
        least = limit < least ? limit : least;
        most = limit > most ? limit : most;
    }
    cr_assert_eq(least, 900);
    cr_assert_eq(most, 1100);
}

Test(application, jitter_leaves_no_limit_and_small_ones_alone) {
    cr_assert_eq(application_jitter(0, 12345), 0);
    cr_assert_eq(application_jitter(5, 12345), 5);
}

Test(application, a_limit_asks_when_it_is_reached_and_after_each_further_tenth) {
    cr_assert_not(application_is_spent(99, 100));
    cr_assert(application_is_spent(100, 100));
    cr_assert_not(application_is_spent(101, 100));
    cr_assert(application_is_spent(110, 100));
    cr_assert(application_is_spent(3, 1));
    cr_assert_not(application_is_spent(1000, 0));
}

Test(application, the_interpreter_is_the_one_named_or_the_applications_own) {
    struct app_config config = {.name = (char *)"blog"};
    cr_assert_str_eq(application_interpreter(&config), "blog");
    config.interpreter = (char *)"shared";
    cr_assert_str_eq(application_interpreter(&config), "shared");
}

Test(application, a_failure_stays_readable_when_another_replaces_it) {
    struct app_config config = {.name = (char *)"blog"};
    struct application *application = application_new(&config, NULL, false, 0);
    struct error err;
    error_set(&err, ERR_PYTHON, "first");
    application_set_failure(application, &err);
    const struct error *first = atomic_load(&application->failure);
    error_set(&err, ERR_PYTHON, "second");
    application_set_failure(application, &err);
    cr_assert_str_eq(first->text, "first");
    cr_assert_str_eq(atomic_load(&application->failure)->text, "second");
    application_set_failure(application, NULL);
    cr_assert_null(atomic_load(&application->failure));
    application_free(application);
}
