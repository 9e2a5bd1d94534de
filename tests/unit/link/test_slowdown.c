#include <criterion/criterion.h>

#include "fcgi_host/link/slowdown.h"

enum { START_MS = 1000000, MINUTE_MS = 60000 };

static struct slowdown *s_slowdown;

static void set_up(void) {
    s_slowdown = slowdown_new();
}
static void tear_down(void) {
    slowdown_free(s_slowdown);
}
TestSuite(slowdown, .init = set_up, .fini = tear_down);

Test(slowdown, ten_crashes_have_no_consequence_and_the_next_have_a_growing_one) {
    unsigned before_ms = 0;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(slowdown_crashed(s_slowdown, "shop", START_MS), 0);
    }
    cr_assert_eq(slowdown_until_ms(s_slowdown, "shop"), 0);
    for (int i = 0; i < 5; i++) {
        unsigned wait_ms = slowdown_crashed(s_slowdown, "shop", START_MS);
        cr_assert_gt(wait_ms, before_ms);
        cr_assert_eq(slowdown_until_ms(s_slowdown, "shop"), START_MS + wait_ms);
        before_ms = wait_ms;
    }
}

Test(slowdown, its_neighbours_do_not_notice) {
    for (int i = 0; i < 20; i++) {
        slowdown_crashed(s_slowdown, "shop", START_MS);
    }
    cr_assert_eq(slowdown_until_ms(s_slowdown, "blog"), 0);
    cr_assert_eq(slowdown_crashed(s_slowdown, "blog", START_MS), 0);
}

Test(slowdown, one_crash_a_minute_has_none) {
    for (uint64_t now_ms = START_MS; now_ms < START_MS + 100 * MINUTE_MS; now_ms += MINUTE_MS) {
        cr_assert_eq(slowdown_crashed(s_slowdown, "shop", now_ms), 0);
    }
}

Test(slowdown, a_worker_is_told) {
    slowdown_set(s_slowdown, "shop", START_MS);
    cr_assert_eq(slowdown_until_ms(s_slowdown, "shop"), START_MS);
    slowdown_set(s_slowdown, "shop", START_MS + 5);
    cr_assert_eq(slowdown_until_ms(s_slowdown, "shop"), START_MS + 5);
}
