#include <criterion/criterion.h>

#include "fcgi_host/link/backoff.h"

enum { MINUTE_MS = 60000 };

Test(backoff, a_worker_that_served_is_started_again_at_once) {
    struct backoff backoff = {0};
    cr_assert_eq(backoff_next_ms(&backoff, 1000, 5000), 0);
}

Test(backoff, one_crash_a_minute_never_waits) {
    struct backoff backoff = {0};
    for (uint64_t now_ms = MINUTE_MS; now_ms < 100 * MINUTE_MS; now_ms += MINUTE_MS) {
        cr_assert_eq(backoff_next_ms(&backoff, now_ms, MINUTE_MS - 100), 0);
    }
}

Test(backoff, ten_in_a_row_do_not_wait_and_the_eleventh_does) {
    struct backoff backoff = {0};
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(backoff_next_ms(&backoff, 1000, 10), 0);
    }
    cr_assert_gt(backoff_next_ms(&backoff, 1000, 10), 0);
}

Test(backoff, one_that_never_served_waits_longer_each_time_up_to_ten_seconds) {
    struct backoff backoff = {0};
    unsigned before = 0;
    for (int i = 0; i < 20; i++) {
        unsigned wait_ms = backoff_next_ms(&backoff, 1000, 0);
        cr_assert_geq(wait_ms, before);
        cr_assert(wait_ms >= 250 && wait_ms <= 10000, "%u", wait_ms);
        before = wait_ms;
    }
    cr_assert_eq(before, 10000);
}

Test(backoff, a_minute_of_service_ends_the_row) {
    struct backoff backoff = {0};
    for (int i = 0; i < 8; i++) {
        backoff_next_ms(&backoff, 1000, 0);
    }
    cr_assert_eq(backoff_next_ms(&backoff, 2 * MINUTE_MS, MINUTE_MS), 0);
    cr_assert_eq(backoff_next_ms(&backoff, 2 * MINUTE_MS, 0), 250);
}
