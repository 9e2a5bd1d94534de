/** The limits of a worker, with time passed in; the limits thread runs in the last test only. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/limits_internal.h"
#include "fcgi_host/base/log.h"
#include "pool/base/clock.h"

#define SECONDS CLOCK_NS_PER_S
#define STUCK_NS (LIMITS_STUCK_AFTER_MS * CLOCK_NS_PER_MS)

static struct scoreboard *s_board;
static char s_name[] = "blog";
static struct app_config s_config;
static struct application *s_application;
static struct limits s_limits;
static bool s_has_thread; /* which ends with the process, and reads the board until then */
static const struct lease s_lease = {.thread_ident = 4711};

/** What was asked of the supervisor, and of the thread that raises. */
static unsigned s_replacements, s_urgent, s_raised;
static char s_why[128];
static unsigned long s_raised_in;
static const char *s_exception;
static sem_t s_asked;

static void note_replace(void *ctx, const char *why, bool is_urgent) {
    cr_assert_eq(ctx, s_board);
    s_replacements++;
    s_urgent += is_urgent;
    snprintf(s_why, sizeof s_why, "%s", why);
    sem_post(&s_asked);
}

static void note_raise(struct scoreboard_slot *slot, const struct slot_view *view,
                       const char *exception) {
    cr_assert_eq(slot, scoreboard_my_slot());
    s_raised++;
    s_exception = exception;
    s_raised_in = view->facts.python_ident;
}

/** What the answer hook says, and what it was asked for. */
static bool s_is_in_use;
static unsigned s_answers, s_answered_slot;

static bool note_answer(void *ctx, unsigned slot_index, const struct slot_view *view,
                        const char **ret_what) {
    cr_assert_eq(ctx, s_board);
    cr_assert_eq(view->facts.python_ident, 4711);
    cr_assert_eq(atomic_load(&scoreboard_my_slot()->pins), 1, "its lease lasts");
    if (s_is_in_use) {
        return false;
    }
    s_answers++;
    s_answered_slot = slot_index;
    *ret_what = "answered";
    return true;
}

static bool s_client_has_gone;

static bool note_find(void *ctx, unsigned slot_index, const struct slot_view *view,
                      bool *ret_is_gone) {
    (void)ctx, (void)view;
    cr_assert_eq((int)slot_index, scoreboard_my_index());
    *ret_is_gone = s_client_has_gone;
    return !s_is_in_use;
}

static void set_up(void) {
    struct error err;
    s_board = scoreboard_new(&err);
    cr_assert_not_null(s_board);
    scoreboard_use(s_board);
    cr_assert_eq(log_open("/dev/null", LOG_DEBUG, &err), 0);
    s_config.name = s_name;
    s_application = application_new(&s_config, NULL, false, 0);
    cr_assert_not_null(s_application);
    const struct limits_options options = {
        .board = s_board, .max_rss_mb = 0, .replace = note_replace, .ctx = s_board};
    cr_assert_eq(limits_init(&s_limits, &options, &err), 0);
    s_limits.raise = note_raise;
    sem_init(&s_asked, 0, 0);
}

static void tear_down(void) {
    application_free(s_application);
    close(s_limits.wake_fd);
    if (!s_has_thread) {
        scoreboard_free(s_board);
    }
}
TestSuite(limits, .init = set_up, .fini = tear_down);

/** @return when the request began */
static uint64_t begin_request(unsigned slow_s, unsigned timeout_s) {
    s_config.slow_request_s = slow_s;
    s_config.request_timeout_s = timeout_s;
    struct scoreboard_slot *slot =
        limits_begin(&s_limits, &s_lease, s_application, "1-1", "GET /slow");
    cr_assert_not_null(slot);
    return atomic_load(&slot->started_ns);
}

/** Requests without a deadline, from their begin to their end. */
static void serve_requests(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        begin_request(0, 0);
        limits_end(&s_limits, scoreboard_my_slot(), s_application);
    }
}

static unsigned wakes(void) {
    uint64_t count = 0;
    return read(s_limits.wake_fd, &count, sizeof count) == sizeof count ? (unsigned)count : 0;
}

Test(limits, nothing_is_watched_while_no_request_has_a_deadline) {
    cr_assert_eq(limits_look(&s_limits, 1), UINT64_MAX);
    uint64_t began_ns = begin_request(0, 0);
    cr_assert_eq(wakes(), 0);
    cr_assert_eq(limits_look(&s_limits, began_ns + 1000 * SECONDS), UINT64_MAX);
}

Test(limits, a_request_wakes_the_thread_only_if_its_deadline_is_the_nearest) {
    begin_request(0, 60);
    cr_assert_eq(wakes(), 1);
    scoreboard_end(scoreboard_my_slot());
    begin_request(0, 61);
    cr_assert_eq(wakes(), 0);
    scoreboard_end(scoreboard_my_slot());
    begin_request(30, 60);
    cr_assert_eq(wakes(), 1);
}

Test(limits, a_slow_request_is_noticed_once_at_its_time) {
    uint64_t began_ns = begin_request(2, 0);
    const struct scoreboard_slot *slot = scoreboard_my_slot();
    cr_assert_eq(limits_look(&s_limits, began_ns), began_ns + 2 * SECONDS);
    cr_assert_eq(limits_look(&s_limits, began_ns + 2 * SECONDS - 1), began_ns + 2 * SECONDS);
    cr_assert_eq(atomic_load(&slot->notices), 0);
    cr_assert_eq(limits_look(&s_limits, began_ns + 2 * SECONDS), UINT64_MAX);
    cr_assert_neq(atomic_load(&slot->notices), 0);
    cr_assert_eq(s_raised, 0);
    cr_assert_eq(s_replacements, 0);
}

Test(limits, a_request_out_of_time_gets_its_exception_once_and_then_is_stuck) {
    uint64_t began_ns = begin_request(2, 10), out_ns = began_ns + 10 * SECONDS;
    cr_assert_eq(limits_look(&s_limits, began_ns), began_ns + 2 * SECONDS, "the nearest first");
    cr_assert_eq(limits_look(&s_limits, out_ns - 1), out_ns);
    cr_assert_eq(s_raised, 0);
    cr_assert_eq(limits_look(&s_limits, out_ns), out_ns + STUCK_NS);
    cr_assert_eq(limits_look(&s_limits, out_ns + 1), out_ns + STUCK_NS);
    cr_assert_eq(s_raised, 1);
    cr_assert_eq(s_raised_in, 4711);
    cr_assert_str_eq(s_exception, "RequestTimeout");
    cr_assert_eq(s_replacements, 0);
    cr_assert_eq(limits_look(&s_limits, out_ns + STUCK_NS), UINT64_MAX);
    cr_assert_eq(limits_look(&s_limits, out_ns + STUCK_NS + 1), UINT64_MAX);
    cr_assert_eq(s_raised, 1);
    cr_assert_eq(s_replacements, 1);
    cr_assert_eq(s_urgent, 1);
    cr_assert_str_eq(s_why, "a request is stuck");
}

Test(limits, a_request_whose_thread_does_not_come_back_is_answered_once_after_a_second) {
    s_limits.options.answer = note_answer;
    uint64_t began_ns = begin_request(0, 10), out_ns = began_ns + 10 * SECONDS;
    uint64_t answer_ns = out_ns + LIMITS_ANSWER_AFTER_MS * UINT64_C(1000000);
    cr_assert_eq(limits_look(&s_limits, out_ns), answer_ns);
    cr_assert_eq(s_answers, 0);
    s_is_in_use = true;
    uint64_t again_ns = answer_ns + LIMITS_TRY_AGAIN_MS * UINT64_C(1000000);
    cr_assert_eq(limits_look(&s_limits, answer_ns), again_ns);
    s_is_in_use = false;
    cr_assert_eq(limits_look(&s_limits, again_ns), out_ns + STUCK_NS);
    cr_assert_eq(limits_look(&s_limits, again_ns + 1), out_ns + STUCK_NS);
    cr_assert_eq(s_answers, 1);
    cr_assert_eq((int)s_answered_slot, scoreboard_my_index());
    cr_assert_eq(atomic_load(&scoreboard_my_slot()->pins), 0);
    limits_look(&s_limits, out_ns + STUCK_NS);
    cr_assert_eq(s_replacements, 1);
}

Test(limits, a_client_is_looked_for_after_an_event_and_the_exception_raised_once) {
    s_limits.options.find_client_gone = note_find;
    s_client_has_gone = true;
    uint64_t began_ns = begin_request(0, 0);
    cr_assert_eq(limits_look(&s_limits, began_ns), UINT64_MAX);
    cr_assert_eq(s_raised, 0, "no event: nothing to look at");
    limits_client_event(&s_limits);
    cr_assert_eq(wakes(), 1);
    s_is_in_use = true;
    cr_assert_eq(limits_look(&s_limits, began_ns),
                 began_ns + LIMITS_TRY_AGAIN_MS * UINT64_C(1000000));
    s_is_in_use = false;
    cr_assert_eq(limits_look(&s_limits, began_ns), UINT64_MAX);
    limits_client_event(&s_limits);
    limits_look(&s_limits, began_ns);
    cr_assert_eq(s_raised, 1);
    cr_assert_str_eq(s_exception, "ClientGone");
}

Test(limits, an_event_of_a_client_that_stays_raises_nothing) {
    s_limits.options.find_client_gone = note_find;
    uint64_t began_ns = begin_request(0, 0);
    limits_client_event(&s_limits);
    limits_look(&s_limits, began_ns);
    cr_assert_eq(s_raised, 0);
}

Test(limits, the_next_request_of_a_thread_has_its_own_time) {
    uint64_t began_ns = begin_request(0, 1);
    cr_assert_eq(limits_look(&s_limits, began_ns + SECONDS), began_ns + SECONDS + STUCK_NS);
    scoreboard_end(scoreboard_my_slot());
    uint64_t next_ns = begin_request(0, 1);
    cr_assert_eq(limits_look(&s_limits, next_ns), next_ns + SECONDS);
    cr_assert_eq(s_raised, 1);
    cr_assert_eq(limits_look(&s_limits, next_ns + SECONDS), next_ns + SECONDS + STUCK_NS);
    cr_assert_eq(s_raised, 2);
}

Test(limits, max_requests_asks_for_one_replacement) {
    s_application->served_limit = 20;
    serve_requests(19);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 0);
    serve_requests(1);
    cr_assert_geq(wakes(), 1);
    limits_look(&s_limits, 1);
    serve_requests(20);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 1);
    cr_assert_eq(s_urgent, 0);
    cr_assert_str_eq(s_why, "max_requests reached");
}

Test(limits, a_replacement_that_did_not_happen_is_asked_for_again_a_tenth_later) {
    s_application->served_limit = 20;
    serve_requests(20);
    limits_look(&s_limits, 1);
    limits_replacement_kept(&s_limits);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 1, "there is no new reason yet");
    serve_requests(1);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 1);
    serve_requests(1);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 2);
}

Test(limits, too_much_memory_asks_for_a_replacement) {
    s_limits.options.max_rss_mb = 1;
    serve_requests(1);
    cr_assert_geq(wakes(), 1);
    limits_look(&s_limits, 1);
    cr_assert_eq(s_replacements, 1);
    cr_assert_eq(s_urgent, 0);
    cr_assert_not_null(strstr(s_why, "MB resident, max_rss_mb is 1"), "%s", s_why);
}

Test(limits, memory_below_max_rss_is_no_reason) {
    s_limits.options.max_rss_mb = 1024 * 1024 * 1024;
    serve_requests(1);
    cr_assert_eq(wakes(), 1);
    cr_assert(atomic_load(&s_limits.is_rss_wanted));
    limits_look(&s_limits, 1);
    cr_assert_not(atomic_load(&s_limits.is_rss_wanted));
    cr_assert_eq(s_replacements, 0);
}

Test(limits, without_max_rss_memory_is_not_looked_at) {
    serve_requests(1);
    cr_assert_eq(wakes(), 0);
    cr_assert_not(atomic_load(&s_limits.is_rss_wanted));
}

Test(limits, the_limits_thread_is_woken_by_what_requests_do, .timeout = 60) {
    struct error err;
    s_application->served_limit = 1;
    struct limits *limits = limits_start(&s_limits.options, &err);
    cr_assert_not_null(limits);
    s_has_thread = true;
    limits_begin(limits, &s_lease, s_application, "1-1", "GET /");
    limits_end(limits, scoreboard_my_slot(), s_application);
    while (sem_wait(&s_asked) != 0) {
    }
    cr_assert_str_eq(s_why, "max_requests reached");
}
