/** When a task runs next; over days on which the clock is put forward or back, too. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "fcgi_host/supervisor/task_time.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, AT_3 = 3 * 60, AT_2_30 = 2 * 60 + 30 };

/** 2026-03-28T00:00:00Z, a Saturday: on Sunday clocks in Berlin go from 02:00 to 03:00. */
enum { MARCH_28 = 1774656000 };
/** 2026-10-24T00:00:00Z, a Saturday: on Sunday they go from 03:00 back to 02:00. */
enum { OCTOBER_24 = 1792800000 };

static void be_in(const char *zone) {
    setenv("TZ", zone, 1);
    tzset();
}

TestSuite(task_time);

Test(task_time, it_is_today_if_that_is_still_to_come_else_tomorrow) {
    be_in("UTC0");
    cr_expect_eq(task_time_next(MARCH_28, AT_3), MARCH_28 + 3 * HOUR_S);
    cr_expect_eq(task_time_next(MARCH_28 + 3 * HOUR_S - 1, AT_3), MARCH_28 + 3 * HOUR_S);
    cr_expect_eq(task_time_next(MARCH_28 + 3 * HOUR_S, AT_3), MARCH_28 + DAY_S + 3 * HOUR_S);
    cr_expect_eq(task_time_next(MARCH_28 + 1, 0), MARCH_28 + DAY_S);
}

Test(task_time, it_is_a_time_of_the_hosts_zone) {
    be_in("EST5");
    cr_expect_eq(task_time_next(MARCH_28, AT_3), MARCH_28 + 8 * HOUR_S);
}

Test(task_time, the_night_is_shorter_or_longer_where_the_clock_is_changed) {
    be_in("CET-1CEST,M3.5.0,M10.5.0/3");
    /* 03:00 CET on Saturday is 02:00Z, 03:00 CEST on Sunday 01:00Z. */
    cr_expect_eq(task_time_next(MARCH_28, AT_3), MARCH_28 + 2 * HOUR_S);
    cr_expect_eq(task_time_next(MARCH_28 + 2 * HOUR_S, AT_3), MARCH_28 + DAY_S + HOUR_S);
    cr_expect_eq(task_time_next(OCTOBER_24, AT_3), OCTOBER_24 + HOUR_S);
    cr_expect_eq(task_time_next(OCTOBER_24 + HOUR_S, AT_3), OCTOBER_24 + DAY_S + 2 * HOUR_S);
}

Test(task_time, a_time_that_the_clock_leaves_out_comes_once_that_day) {
    be_in("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t sunday = MARCH_28 + DAY_S;
    int64_t next = task_time_next(sunday, AT_2_30);
    cr_expect(next > sunday && next <= sunday + 2 * HOUR_S, "%lld", (long long)next);
    int64_t after = task_time_next(next, AT_2_30);
    cr_expect_eq(after, sunday + DAY_S + HOUR_S / 2); /* 02:30 CEST on Monday */
}

Test(task_time, a_time_that_the_clock_shows_twice_comes_once) {
    be_in("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t sunday = OCTOBER_24 + DAY_S;
    int64_t next = task_time_next(sunday - HOUR_S, AT_2_30);
    cr_expect(next == sunday + HOUR_S / 2 || next == sunday + HOUR_S + HOUR_S / 2, "%lld",
              (long long)next);
    cr_expect_eq(task_time_next(next, AT_2_30), sunday + DAY_S + HOUR_S + HOUR_S / 2);
}
