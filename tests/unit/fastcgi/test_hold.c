/** Which of two threads has a request: every change that hold.h allows, and those that it refuses.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/fastcgi/request.h"

static struct request s_request;
static struct request_hold s_hold;
static struct request *s_got;

static void begin(void) {
    hold_begin(&s_hold, &s_request, 7, "GET /");
    s_got = NULL;
}
TestSuite(hold, .init = begin);

Test(hold, a_request_in_use_is_not_taken) {
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IN_USE);
    cr_assert_eq(hold_look(&s_hold, 7, &s_got), HOLD_IN_USE);
    hold_leave(&s_hold);
    cr_assert(hold_enter(&s_hold));
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IN_USE);
    cr_assert_null(s_got);
}

Test(hold, a_free_one_is_taken_once_and_lost_to_its_thread) {
    hold_leave(&s_hold);
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IS_MINE);
    cr_assert_eq(s_got, &s_request);
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_HAS_ENDED);
    cr_assert_not(hold_enter(&s_hold));
    hold_leave(&s_hold);
    cr_assert_not(hold_enter(&s_hold));
    cr_assert_not(hold_end(&s_hold));
}

Test(hold, one_that_waits_for_its_peer_is_taken_but_not_looked_at) {
    hold_wait(&s_hold);
    cr_assert_eq(hold_look(&s_hold, 7, &s_got), HOLD_WATCHES);
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IS_MINE);
    cr_assert_not(hold_resume(&s_hold));
    hold_leave(&s_hold);
    cr_assert_not(hold_end(&s_hold));
}

Test(hold, a_wait_that_nobody_interrupted_goes_on) {
    hold_wait(&s_hold);
    cr_assert(hold_resume(&s_hold));
    hold_leave(&s_hold);
    cr_assert(hold_end(&s_hold));
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IN_USE);
}

Test(hold, another_request_than_the_one_meant_is_left_alone) {
    hold_leave(&s_hold);
    cr_assert_eq(hold_take(&s_hold, 6, &s_got), HOLD_HAS_ENDED);
    cr_assert(hold_end(&s_hold));
    hold_begin(&s_hold, &s_request, 9, "GET /");
    hold_leave(&s_hold);
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_HAS_ENDED);
    cr_assert_eq(hold_take(&s_hold, 9, &s_got), HOLD_IS_MINE);
}

Test(hold, the_next_request_of_a_thread_is_its_own_again) {
    hold_leave(&s_hold);
    cr_assert_eq(hold_take(&s_hold, 7, &s_got), HOLD_IS_MINE);
    hold_begin(&s_hold, &s_request, 9, "GET /");
    hold_leave(&s_hold);
    cr_assert(hold_enter(&s_hold));
}

static void *enter(void *unused) {
    (void)unused;
    return hold_enter(&s_hold) ? &s_hold : NULL;
}

Test(hold, a_thread_that_comes_during_a_look_waits_for_its_end) {
    pthread_t thread;
    void *entered = NULL;
    hold_leave(&s_hold);
    cr_assert_eq(hold_look(&s_hold, 7, &s_got), HOLD_IS_MINE);
    cr_assert_eq(s_got, &s_request);
    cr_assert_eq(pthread_create(&thread, NULL, enter, NULL), 0);
    hold_look_end(&s_hold);
    pthread_join(thread, &entered);
    cr_assert_not_null(entered);
}
