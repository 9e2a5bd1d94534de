/* Times are seconds of a clock that the tests set. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/link/history.h"

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define MB (UINT64_C(1) << 20)

enum { START_S = 5000 };

static struct history_step s_steps[HISTORY_STEPS];
static double s_last_s;

static void set_up(void) {
    struct error err;
    cr_assert_eq(history_open(START_S * S, &err), 0);
}
TestSuite(history, .init = set_up);

/* Requests that take 20 ms and do not wait. */
static void serve(unsigned at_s, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        history_note_request(at_s * S, 20 * MS, 0);
    }
}

static size_t look(unsigned at_s) {
    return history_read(at_s * S, s_steps, &s_last_s);
}

static void assert_near(double value, double expected) {
    cr_assert_float_eq(value, expected, expected / 1000, "%f, not %f", value, expected);
}

Test(history, requests_count_in_the_step_that_they_end_in) {
    serve(START_S + 1, 3);
    serve(START_S + 9, 1);
    serve(START_S + 10, 5);
    cr_assert_eq(look(START_S + 24), 3);
    cr_assert_eq(s_steps[0].requests, 4);
    cr_assert_eq(s_steps[1].requests, 5);
    cr_assert_eq(s_steps[2].requests, 0);
    assert_near(s_last_s, 4);
}

Test(history, it_holds_fifteen_minutes) {
    serve(START_S, 1);
    serve(START_S + 10, 2);
    cr_assert_eq(look(START_S + 889), HISTORY_STEPS - 1);
    cr_assert_eq(look(START_S + 899), HISTORY_STEPS);
    cr_assert_eq(s_steps[0].requests, 1);
    cr_assert_eq(look(START_S + 900), HISTORY_STEPS);
    cr_assert_eq(s_steps[0].requests, 2);
    cr_assert_eq(look(START_S + 100000), HISTORY_STEPS);
    for (size_t i = 0; i < HISTORY_STEPS; i++) {
        cr_assert_eq(s_steps[i].requests, 0);
    }
}

Test(history, a_place_is_empty_for_its_next_step) {
    for (unsigned at_s = START_S; at_s < START_S + 3 * 900; at_s += HISTORY_STEP_S) {
        serve(at_s, at_s / HISTORY_STEP_S % 7);
    }
    cr_assert_eq(look(START_S + 3 * 900 - 1), HISTORY_STEPS);
    for (unsigned i = 0; i < HISTORY_STEPS; i++) {
        unsigned at_s = START_S + 2 * 900 + i * HISTORY_STEP_S;
        cr_assert_eq(s_steps[i].requests, at_s / HISTORY_STEP_S % 7);
    }
}

Test(history, percentiles_are_of_the_step) {
    for (unsigned i = 1; i <= 100; i++) {
        history_note_request((START_S + 1) * S, i * 10 * MS, 0);
    }
    history_note_request((START_S + 11) * S, 3 * MS, 0);
    look(START_S + 12);
    cr_assert(s_steps[0].p50_ms >= 500 && s_steps[0].p50_ms <= 500 * 1.125);
    cr_assert(s_steps[0].p99_ms >= 990 && s_steps[0].p99_ms <= 990 * 1.125);
    cr_assert(s_steps[1].p99_ms >= 3 && s_steps[1].p99_ms <= 3 * 1.125);
}

Test(history, the_first_request_of_a_step_says_that_it_has_begun) {
    cr_assert(history_note_request((START_S + 1) * S, MS, 0));
    cr_assert_not(history_note_request((START_S + 2) * S, MS, 0));
    cr_assert(history_note_request((START_S + 12) * S, MS, 0));
    cr_assert_not(history_note_request((START_S + 3) * S, MS, 0), "a late one");
    cr_assert(history_note_request((START_S + 912) * S, MS, 0), "the same place");
}

Test(history, those_that_wait_are_a_sum_of_their_times_by_the_length_of_a_step) {
    /* Four waited for 5 s of the first step, 10 s of the second, 2 s of the third. */
    for (unsigned i = 0; i < 4; i++) {
        history_note_request((START_S + 25) * S, 20 * S, 17 * S);
    }
    look(START_S + 30);
    assert_near(s_steps[0].waiting, 2);
    assert_near(s_steps[1].waiting, 4);
    assert_near(s_steps[2].waiting, 0.8);
    cr_assert_eq(s_steps[0].requests, 0);
    cr_assert_eq(s_steps[2].requests, 4);
}

Test(history, the_step_that_is_going_on_is_as_long_as_it_has_been) {
    history_note_request((START_S + 2) * S, 2 * S, S);
    look(START_S + 2);
    assert_near(s_steps[0].waiting, 0.5);
    look(START_S + 10);
    assert_near(s_steps[0].waiting, 0.1);
}

Test(history, a_wait_longer_than_the_history_fills_it) {
    history_note_request((START_S + 2000) * S, 2000 * S, 2000 * S);
    look(START_S + 2000);
    for (size_t i = 0; i < HISTORY_STEPS - 1; i++) {
        assert_near(s_steps[i].waiting, 1);
    }
}

Test(history, a_sample_tells_of_those_that_wait_still) {
    history_note_sample((START_S + 1) * S, 12, 30 * MB);
    history_note_sample((START_S + 2) * S, 3, 31 * MB);
    look(START_S + 3);
    assert_near(s_steps[0].waiting, 12);
    cr_assert_eq(s_steps[0].resident_bytes, 31 * MB);
}

Test(history, memory_is_that_of_the_last_sample) {
    serve(START_S, 1);
    history_note_sample((START_S + 15) * S, 0, 30 * MB);
    serve(START_S + 25, 1);
    history_note_sample((START_S + 45) * S, 0, 40 * MB);
    cr_assert_eq(look(START_S + 55), 6);
    const uint64_t expected_mb[] = {0, 30, 30, 30, 40, 40};
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(s_steps[i].resident_bytes, expected_mb[i] * MB);
    }
    cr_assert_eq(look(START_S + 5000), HISTORY_STEPS, "idle since");
    cr_assert_eq(s_steps[0].resident_bytes, 40 * MB);
}

Test(history, workers_write_into_the_same) {
    serve(START_S, 1);
    for (unsigned i = 0; i < 3; i++) {
        if (fork() == 0) {
            serve(START_S + 1, 100);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    look(START_S + 2);
    cr_assert_eq(s_steps[0].requests, 301);
}

enum { THREADS = 4, EACH = 100000 };

static void *serve_many(void *ctx) {
    (void)ctx;
    for (unsigned i = 0; i < EACH; i++) {
        history_note_request((START_S + 5) * S, 20 * MS, 10 * MS);
    }
    return NULL;
}

Test(history, threads_share_a_step) {
    pthread_t threads[THREADS];
    serve(START_S + 1, 1); /* the step has begun: no time is missing */
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, serve_many, NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    look(START_S + 10);
    cr_assert_eq(s_steps[0].requests, THREADS * EACH + 1);
    assert_near(s_steps[0].waiting, THREADS * EACH * 0.01 / HISTORY_STEP_S);
}

Test(history, a_step_begins_with_a_request_that_comes_too) {
    cr_assert(history_note_arrival((START_S + 1) * S));
    cr_assert_not(history_note_arrival((START_S + 2) * S));
    cr_assert_not(history_note_request((START_S + 2) * S, MS, 0));
    cr_assert(history_note_arrival((START_S + 11) * S));
    look(START_S + 12);
    cr_assert_eq(s_steps[0].requests, 1);
}

Test(history_closed, nothing_is_noted_without_one) {
    cr_assert_not(history_note_arrival(S));
    cr_assert_not(history_note_request(S, MS, 0));
    history_note_sample(S, 1, 1);
    cr_assert_eq(history_read(S, s_steps, &s_last_s), 0);
}
