/** The last reloads of all applications. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "fcgi_host/supervisor/recent_reloads.h"

static struct recent_reloads s_reloads;

static void free_reloads(void) {
    recent_reloads_free(&s_reloads);
}
TestSuite(recent_reloads, .fini = free_reloads);

static void add(unsigned number) {
    char app[16];
    struct reload_ending ending = {.outcome = RELOAD_OUTCOME_SWITCHED, .total_ms = number};
    snprintf(app, sizeof app, "app%u", number);
    recent_reloads_add(&s_reloads, "shared", app, &ending, number);
}

Test(recent_reloads, the_newest_is_the_first) {
    add(1);
    add(2);
    cr_assert_eq(s_reloads.count, 2);
    cr_assert_str_eq(s_reloads.items[0].app, "app2");
    cr_assert_str_eq(s_reloads.items[1].app, "app1");
    cr_assert_str_eq(s_reloads.items[1].process, "shared");
    cr_assert_eq(s_reloads.items[1].ending.total_ms, 1);
    cr_assert_eq(s_reloads.items[1].ended_ms, 1);
}

Test(recent_reloads, the_oldest_is_forgotten) {
    for (unsigned i = 1; i <= RECENT_RELOADS + 2; i++) {
        add(i);
    }
    cr_assert_eq(s_reloads.count, RECENT_RELOADS);
    cr_assert_eq(s_reloads.items[0].ended_ms, RECENT_RELOADS + 2);
    cr_assert_eq(s_reloads.items[RECENT_RELOADS - 1].ended_ms, 3);
}
