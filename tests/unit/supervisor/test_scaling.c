#include <criterion/criterion.h>

#include "fcgi_host/supervisor/scaling.h"

static struct scaling s_scaling;
static struct scaling_limits s_limits = {.least = 1, .most = 8};
static uint64_t s_now_ms = 1000;

/** Take a look `after_ms` after the one before. */
static struct scaling_decision look(uint64_t after_ms, struct scaling_look look) {
    s_now_ms += after_ms;
    return scaling_decide(&s_scaling, &s_limits, &look, s_now_ms);
}

/** Requests that wait for a thread of the one worker. */
static struct scaling_look waiting(unsigned workers, double free_cores) {
    return (struct scaling_look){
        .workers = workers, .in_hand = 20, .serving = 4, .free_cores = free_cores};
}

Test(scaling, it_grows_when_requests_wait_at_two_looks_in_a_row) {
    struct scaling_decision decision = look(0, waiting(1, 2));
    cr_expect_eq(decision.step, SCALING_KEEP);
    cr_expect_eq(decision.next_ms, 200);
    decision = look(200, waiting(1, 2));
    cr_expect_eq(decision.step, SCALING_GROW);
    cr_expect_eq(decision.count, 1);
}

Test(scaling, not_when_they_have_been_served_meanwhile) {
    look(0, waiting(1, 2));
    struct scaling_decision decision =
        look(200, (struct scaling_look){.workers = 1, .in_hand = 2, .serving = 2, .free_cores = 2});
    cr_expect_eq(decision.step, SCALING_KEEP);
    decision = look(200, waiting(1, 2));
    cr_expect_eq(decision.step, SCALING_KEEP);
}

Test(scaling, not_without_a_free_core_unless_the_workers_hardly_compute) {
    struct scaling_look busy = waiting(1, 0.1);
    for (int i = 0; i < 10; i++) {
        busy.cpu_ms += 180;
        cr_expect_eq(look(200, busy).step, SCALING_KEEP);
    }
    busy.cpu_ms += 180;
    busy.free_cores = 0.9;
    cr_expect_eq(look(200, busy).step, SCALING_GROW);
    s_scaling = (struct scaling){0};
    look(0, waiting(1, 0));
    cr_expect_eq(look(200, waiting(1, 0)).step, SCALING_GROW);
}

/* cpu.max of a tenth of a core: its one worker computes as much as it may. */
Test(scaling, not_where_a_quota_is_what_keeps_the_workers_from_computing) {
    struct scaling_look held_back = waiting(1, 0);
    held_back.is_held_back = true;
    for (int i = 0; i < 10; i++) {
        held_back.cpu_ms += 20;
        cr_expect_eq(look(200, held_back).step, SCALING_KEEP);
    }
    held_back.cpu_ms += 20;
    held_back.is_held_back = false;
    cr_expect_eq(look(200, held_back).step, SCALING_GROW, "they wait for something else");
}

Test(scaling, not_beyond_the_most) {
    look(0, waiting(8, 4));
    struct scaling_decision decision = look(200, waiting(8, 4));
    cr_expect_eq(decision.step, SCALING_KEEP);
    cr_expect_eq(decision.next_ms, 1000, "it is looked at for shrinking");
}

Test(scaling, by_twice_as_many_as_long_as_that_is_not_enough) {
    look(0, waiting(1, 8));
    cr_expect_eq(look(200, waiting(1, 8)).count, 1);
    struct scaling_look loading = waiting(2, 8);
    loading.loading = 1;
    cr_expect_eq(look(200, loading).step, SCALING_KEEP, "the new one has not loaded");
    cr_expect_eq(look(200, waiting(2, 8)).count, 2);
    cr_expect_eq(look(200, waiting(4, 8)).count, 4);
}

Test(scaling, by_no_more_than_cores_are_free) {
    look(0, waiting(1, 8));
    look(200, waiting(1, 8));
    look(200, waiting(2, 8));
    struct scaling_look busy = waiting(4, 1.5);
    busy.cpu_ms = 500;
    cr_expect_eq(look(200, busy).count, 2);
}

Test(scaling, requests_that_wait_for_the_gil_count) {
    struct scaling_look busy = {.workers = 1, .in_hand = 3, .serving = 3, .free_cores = 1};
    look(0, busy);
    busy.cpu_ms = 190;
    look(200, busy);
    busy.cpu_ms = 390;
    cr_expect_eq(look(200, busy).step, SCALING_GROW);
    struct scaling_look calm = {.workers = 1, .in_hand = 3, .serving = 3, .free_cores = 1};
    s_scaling = (struct scaling){0};
    look(0, calm);
    calm.cpu_ms = 20;
    look(200, calm);
    calm.cpu_ms = 40;
    cr_expect_eq(look(200, calm).step, SCALING_KEEP, "they wait for something else");
}

Test(scaling, it_shrinks_when_one_less_would_have_done_for_ten_seconds) {
    const struct scaling_look calm = {.workers = 3, .in_hand = 2, .serving = 2};
    for (int i = 0; i < 10; i++) {
        struct scaling_decision decision = look(1000, calm);
        cr_expect_eq(decision.step, SCALING_KEEP, "second %d", i);
        cr_expect_eq(decision.next_ms, 1000);
    }
    cr_expect_eq(look(1000, calm).step, SCALING_SHRINK);
    const struct scaling_look two = {.workers = 2, .in_hand = 2, .serving = 2};
    for (int i = 0; i < 60; i++) {
        cr_expect_eq(look(1000, two).step, SCALING_KEEP);
    }
}

Test(scaling, not_when_the_workers_compute) {
    struct scaling_look look_at = {.workers = 3, .in_hand = 2, .serving = 2};
    for (int i = 0; i < 60; i++) {
        look_at.cpu_ms += 1900;
        cr_expect_eq(look(1000, look_at).step, SCALING_KEEP);
    }
}

Test(scaling, never_below_the_least_where_nothing_is_looked_at) {
    struct scaling_decision decision = look(0, (struct scaling_look){.workers = 1});
    cr_expect_eq(decision.step, SCALING_KEEP);
    cr_expect_eq(decision.next_ms, 0);
}

Test(scaling, it_sleeps_after_the_idle_time) {
    s_limits.idle_ms = 8000;
    struct scaling_look idle = {.workers = 1};
    struct scaling_decision decision = look(0, idle);
    cr_expect_eq(decision.next_ms, 2000);
    look(2000, idle);
    idle.work = 2; /* a request has come and gone */
    look(2000, idle);
    idle.work = 0;
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(look(2000, idle).step, SCALING_KEEP);
    }
    cr_expect_eq(look(2000, idle).step, SCALING_SLEEP);
}

Test(scaling, not_while_a_request_is_in_hand) {
    s_limits.idle_ms = 8000;
    const struct scaling_look slow = {.workers = 1, .in_hand = 1, .serving = 1};
    for (int i = 0; i < 30; i++) {
        cr_expect_eq(look(2000, slow).step, SCALING_KEEP);
    }
}
