/** How the intake thread defers to serving threads: by its scheduling policy. */
#include <criterion/criterion.h>
#include <sched.h>

#include "fcgi_host/fastcgi/deference.h"

static struct deference s_deference;
static atomic_uint s_in_hand;

static void start(void) {
    deference_init(&s_deference, &s_in_hand);
    deference_start(&s_deference);
}

TestSuite(deference, .init = start);

Test(deference, one_request_changes_nothing) {
    deference_begin(&s_deference);
    deference_update(&s_deference);
    cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
    deference_end(&s_deference);
    cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
}

Test(deference, it_defers_while_several_requests_are_in_hand) {
    for (int round = 0; round < 2; round++) {
        deference_begin(&s_deference);
        deference_begin(&s_deference);
        deference_begin(&s_deference);
        cr_expect_eq(sched_getscheduler(0), SCHED_OTHER); /* it has not waited yet */
        deference_update(&s_deference);
        cr_expect_eq(sched_getscheduler(0), SCHED_BATCH);
        deference_end(&s_deference);
        cr_expect_eq(sched_getscheduler(0), SCHED_BATCH);
        deference_end(&s_deference);
        cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
        deference_end(&s_deference);
        deference_update(&s_deference);
        cr_expect_eq(sched_getscheduler(0), SCHED_OTHER);
    }
}

Test(deference, a_policy_that_somebody_chose_is_kept) {
    const struct sched_param param = {.sched_priority = 0};
    cr_assert_eq(sched_setscheduler(0, SCHED_IDLE, &param), 0);
    deference_start(&s_deference);
    deference_begin(&s_deference);
    deference_begin(&s_deference);
    deference_update(&s_deference);
    cr_expect_eq(sched_getscheduler(0), SCHED_IDLE);
    deference_end(&s_deference);
    cr_expect_eq(sched_getscheduler(0), SCHED_IDLE);
}
