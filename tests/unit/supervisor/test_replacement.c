/**
 * The queue of replacements against seats, a loop and a clock that are not there: what it is told
 * happened, one step after the other, and what it did, as text.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/replacement.h"

enum { SEATS = 3, FIRST_PID = 100, FIRST_NEW_PID = 200 };

static struct seat s_items[SEATS];
static struct seats s_seats = {.items = s_items};
static struct replacement_queue *s_queue;
static struct process *s_all;      /* that were made */
static struct process *s_draining; /* the last that was told to stop */
static struct loop_timer *s_timer;
static uint64_t s_now_ms;
static int s_next_pid;
static bool s_cannot_launch;
static int s_requester;
static char s_done[2048]; /* what the queue did */

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...) {
    size_t length = strlen(s_done);
    va_list args;
    va_start(args, format);
    length += (size_t)snprintf(s_done + length, sizeof s_done - length, "%s", length ? "; " : "");
    vsnprintf(s_done + length, sizeof s_done - length, format, args);
    va_end(args);
}

/* ---- Fakes ---- */

static struct process *make_process(struct seat *seat, int pid) {
    struct process *process = calloc(1, sizeof *process);
    process->seat = seat;
    process->pid = pid;
    process->channel.fd = process->last_words_fd = -1;
    process->next = s_all;
    s_all = process;
    return process;
}

struct process *seat_launch(struct seat *seat, const struct config *config, const char *cause) {
    if (s_cannot_launch) {
        note("cannot launch");
        return NULL;
    }
    struct process *process = make_process(seat, s_next_pid++);
    note("launch %d in %u%s: %s", (int)process->pid, seat->index,
         config != seat->all->config ? " by the new configuration" : "", cause);
    return process;
}

void seat_accept(struct process *process) {
    note("accept %d", (int)process->pid);
}

uint64_t seat_drain_ms(const struct config *config) {
    (void)config;
    return 30000;
}

void seat_drain(struct process *process, struct process *successor, uint64_t timeout_ms) {
    cr_assert_eq(timeout_ms, 30000);
    note("drain %d to %d", (int)process->pid, (int)successor->pid);
    s_draining = process;
}

void seat_kill(struct process *process) {
    note("kill %d", (int)process->pid);
}

uint64_t loop_now_ms(void) {
    return s_now_ms;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    timer->is_armed = true;
    timer->at_ms = s_now_ms + delay_ms;
    s_timer = timer;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)slug, (void)about, (void)format;
}

/* ---- The queue's users ---- */

static void on_done(void *ctx, const struct replacement_result *result) {
    cr_assert_eq(ctx, &s_requester);
    note("done, %s%s after %.0f ms", result->is_kept ? "kept: " : "replaced", result->why,
         result->total_ms);
}

static void on_ended(void *ctx, const struct replacement_result *result) {
    (void)ctx;
    note("ended: %s", result->cause);
    replacement_next(s_queue);
}

static void on_config_proven(void *ctx, struct config *config) {
    (void)ctx;
    note("new configuration in effect");
    config_free((struct config *)s_seats.config);
    s_seats.config = config;
}

static void set_up(unsigned seats) {
    static const struct replacement_hooks s_hooks = {.config_proven = on_config_proven,
                                                     .ended = on_ended};
    s_done[0] = '\0';
    s_now_ms = 1000;
    s_next_pid = FIRST_NEW_PID;
    s_timer = NULL;
    s_cannot_launch = false;
    s_seats.is_closed = false;
    s_seats.count = seats;
    s_seats.config = calloc(1, sizeof *s_seats.config);
    for (unsigned i = 0; i < SEATS; i++) {
        s_items[i] = (struct seat){.all = &s_seats, .index = i};
        s_items[i].current = i < seats ? make_process(&s_items[i], FIRST_PID + (int)i) : NULL;
    }
    s_queue = replacement_queue_new(&s_seats, &s_hooks, NULL);
    cr_assert_not_null(s_queue);
}

static void tear_down(void) {
    replacement_cancel_all(s_queue, "the test is over");
    replacement_queue_free(s_queue);
    while (s_all) {
        struct process *process = s_all;
        s_all = process->next;
        process_free(process);
    }
    config_free((struct config *)s_seats.config);
}

/* ---- Steps ---- */

static struct seat *loading_seat(void) {
    for (unsigned i = 0; i < s_seats.count; i++) {
        if (s_items[i].coming) {
            return &s_items[i];
        }
    }
    cr_assert_fail("nothing is loading");
    return NULL;
}

/** `what` "all" or the number of a seat */
static void ask(const char *cause, const char *what, bool is_forced, bool has_config) {
    const struct replacement_wish wish = {
        .cause = cause,
        .config = has_config ? calloc(1, sizeof *wish.config) : NULL,
        .seat = strcmp(what, "all") == 0 ? -1 : atoi(what),
        .is_forced = is_forced,
        .done = on_done,
        .ctx = &s_requester,
    };
    replacement_add(s_queue, &wish);
}

static void expire(unsigned ms) {
    s_now_ms += ms;
    if (s_timer && s_timer->is_armed && s_timer->at_ms <= s_now_ms) {
        s_timer->is_armed = false;
        s_timer->expired(s_timer->ctx);
    }
}

static void take_step(const char *verb, const char *object) {
    if (strcmp(verb, "replace") == 0) {
        ask("asked", object, false, false);
    } else if (strcmp(verb, "also") == 0) {
        ask("asked again", object, false, false);
    } else if (strcmp(verb, "force") == 0) {
        ask("forced", object, true, false);
    } else if (strcmp(verb, "config") == 0) {
        ask("SIGHUP", object, false, true);
    } else if (strcmp(verb, "loses") == 0) {
        process_add_failed(loading_seat()->coming, object);
    } else if (strcmp(verb, "lost") == 0) { /* the old worker has not got it either */
        process_add_failed(loading_seat()->current, object);
    } else if (strcmp(verb, "loaded") == 0) {
        replacement_loaded(s_queue, loading_seat());
    } else if (strcmp(verb, "dies") == 0) {
        loading_seat()->coming = NULL;
        replacement_died(s_queue, "died of SIGSEGV");
    } else if (strcmp(verb, "refused") == 0) { /* it was a probe; another is to load */
        loading_seat()->coming = NULL;
        replacement_next(s_queue);
    } else if (strcmp(verb, "crash") == 0) { /* a worker that served */
        s_items[atoi(object)].current = NULL;
    } else if (strcmp(verb, "stopped") == 0) {
        replacement_left(s_queue, object ? atoi(object) : s_draining->pid);
    } else if (strcmp(verb, "wait") == 0) {
        expire((unsigned)atoi(object));
    } else if (strcmp(verb, "forget") == 0) {
        replacement_forget(s_queue, &s_requester);
    } else if (strcmp(verb, "no_memory") == 0) {
        s_cannot_launch = true;
    } else if (strcmp(verb, "stop") == 0) {
        s_seats.is_closed = true;
        replacement_cancel_all(s_queue, "the host is stopping");
    } else if (strcmp(verb, "idle") == 0) {
        cr_assert_not(replacement_is_under_way(s_queue));
    } else {
        cr_assert_fail("no such step: %s", verb);
    }
}

/** @param steps  "verb object; verb; …": what happens  @param want  what the queue does */
static void check(unsigned seats, const char *steps, const char *want) {
    char text[512], *rest = NULL;
    set_up(seats);
    snprintf(text, sizeof text, "%s", steps);
    for (char *step = strtok_r(text, ";", &rest); step; step = strtok_r(NULL, ";", &rest)) {
        step += strspn(step, " ");
        char *object = strchr(step, ' ');
        if (object) {
            *object++ = '\0';
        }
        take_step(step, object);
    }
    cr_assert_str_eq(s_done, want, "%s\n  did:  %s\n  want: %s", steps, s_done, want);
    tear_down();
}

/* ---- One seat ---- */

Test(replacement, the_new_worker_accepts_once_the_old_one_was_told_to_stop) {
    check(1, "replace all; wait 1500; loaded; stopped; idle",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, replaced after 1500 ms; ended: asked");
}

Test(replacement, it_has_not_ended_before_the_old_worker_accepts_nothing_any_more) {
    check(1, "replace all; loaded; stopped 999; stopped 200",
          "launch 200 in 0: asked; drain 100 to 200; accept 200");
}

Test(replacement, an_old_worker_that_does_not_say_that_it_stopped_is_waited_for_a_second) {
    check(1, "replace all; loaded; wait 999",
          "launch 200 in 0: asked; drain 100 to 200; accept 200");
    check(1, "replace all; loaded; wait 1000; stopped",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, replaced after 1000 ms; ended: asked");
}

Test(replacement, a_seat_without_a_worker_gets_one) {
    check(1, "crash 0; replace all; loaded; idle",
          "launch 200 in 0: asked; accept 200; done, replaced after 0 ms; ended: asked");
}

Test(replacement, an_old_worker_that_crashes_meanwhile_is_not_drained) {
    check(1, "replace all; crash 0; loses shop; loaded",
          "launch 200 in 0: asked; accept 200; done, replaced after 0 ms; ended: asked");
}

Test(replacement, a_worker_that_loses_an_application_is_killed) {
    check(1, "replace all; loses shop; loaded; idle",
          "launch 200 in 0: asked; kill 200; "
          "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
          "ended: asked");
}

Test(replacement, an_application_that_failed_in_the_old_worker_too_is_not_lost) {
    check(1, "replace all; loses shop; lost shop; loaded; stopped",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, replaced after 0 ms; ended: asked");
    check(1, "replace all; loses shop; loses blog; lost shop; loaded",
          "launch 200 in 0: asked; kill 200; "
          "done, kept: blog does not load in the new worker; the old one goes on after 0 ms; "
          "ended: asked");
}

Test(replacement, a_forced_one_takes_place_whatever_is_lost) {
    check(1, "force all; loses shop; loaded; stopped",
          "launch 200 in 0: forced; drain 100 to 200; accept 200; "
          "done, replaced after 0 ms; ended: forced");
}

Test(replacement, a_worker_that_dies_while_it_loads_is_tried_again_four_times) {
    check(1, "replace all; dies; dies; dies; dies; loaded; stopped",
          "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
          "launch 203 in 0: asked; launch 204 in 0: asked; drain 100 to 204; accept 204; "
          "done, replaced after 0 ms; ended: asked");
    check(1, "replace all; dies; dies; dies; dies; dies; idle",
          "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
          "launch 203 in 0: asked; launch 204 in 0: asked; "
          "done, kept: died of SIGSEGV after 0 ms; ended: asked");
}

Test(replacement, a_worker_that_was_refused_an_interpreter_does_not_count_as_one_that_died) {
    check(1, "replace all; refused; refused; refused; refused; refused; loaded; stopped",
          "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
          "launch 203 in 0: asked; launch 204 in 0: asked; launch 205 in 0: asked; "
          "drain 100 to 205; accept 205; done, replaced after 0 ms; ended: asked");
}

Test(replacement, where_no_process_can_be_started_the_old_one_stays) {
    check(1, "no_memory; replace all; idle",
          "cannot launch; done, kept: no process could be started after 0 ms; ended: asked");
}

/* ---- Several seats ---- */

Test(replacement, seats_are_replaced_one_after_the_other) {
    check(3, "replace all; loaded; stopped; loaded; stopped; loaded; stopped; idle",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "launch 201 in 1: asked; drain 101 to 201; accept 201; "
          "launch 202 in 2: asked; drain 102 to 202; accept 202; "
          "done, replaced after 0 ms; ended: asked");
}

Test(replacement, one_seat_may_be_meant) {
    check(3, "replace 1; loaded; stopped; idle",
          "launch 200 in 1: asked; drain 101 to 200; accept 200; "
          "done, replaced after 0 ms; ended: asked");
}

Test(replacement, a_seat_that_is_gone_cannot_be_replaced) {
    check(1, "replace 2; idle", "done, kept: that worker is gone after 0 ms; ended: asked");
}

Test(replacement, one_that_fails_leaves_the_seats_after_it_alone) {
    check(3, "replace all; loaded; stopped; loses shop; loaded; idle",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; launch 201 in 1: asked; kill 201; "
          "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
          "ended: asked");
}

Test(replacement, each_seat_has_its_five_attempts) {
    check(2, "replace all; dies; dies; dies; dies; loaded; stopped; dies; loaded; stopped",
          "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
          "launch 203 in 0: asked; launch 204 in 0: asked; drain 100 to 204; accept 204; "
          "launch 205 in 1: asked; launch 206 in 1: asked; drain 101 to 206; accept 206; "
          "done, replaced after 0 ms; ended: asked");
}

/* ---- The queue ---- */

Test(replacement, the_next_begins_when_the_first_has_ended) {
    check(1, "replace all; also all; wait 200; loaded; stopped; wait 300; loaded; stopped; idle",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, replaced after 200 ms; ended: asked; "
          "launch 201 in 0: asked again; drain 200 to 201; accept 201; "
          "done, replaced after 300 ms; ended: asked again");
}

Test(replacement, one_that_cannot_begin_does_not_hold_up_the_next) {
    check(1, "replace 0; also 2; force 0; loaded; stopped",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, replaced after 0 ms; ended: asked; "
          "done, kept: that worker is gone after 0 ms; ended: asked again; "
          "launch 201 in 0: forced");
}

Test(replacement, a_requester_that_is_gone_is_not_told) {
    check(1, "replace all; also all; forget; loaded; stopped",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; ended: asked; "
          "launch 201 in 0: asked again");
}

/* ---- Configuration ---- */

Test(replacement, a_new_configuration_is_in_effect_once_a_worker_has_loaded_with_it) {
    check(2, "config all; loaded; stopped; loaded; stopped",
          "launch 200 in 0 by the new configuration: SIGHUP; drain 100 to 200; accept 200; "
          "new configuration in effect; launch 201 in 1: SIGHUP; drain 101 to 201; accept 201; "
          "done, replaced after 0 ms; ended: SIGHUP");
}

Test(replacement, a_new_configuration_that_does_not_load_is_dropped) {
    check(1, "config all; loses shop; loaded; also all",
          "launch 200 in 0 by the new configuration: SIGHUP; kill 200; "
          "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
          "ended: SIGHUP; launch 201 in 0: asked again");
}

/* ---- Stop ---- */

Test(replacement, a_stop_ends_all_of_them) {
    check(1, "replace all; also all; wait 700; stop; idle; wait 5000",
          "launch 200 in 0: asked; done, kept: the host is stopping after 700 ms; "
          "done, kept: the host is stopping after 0 ms");
}

Test(replacement, a_stop_is_not_followed_by_what_the_old_worker_says) {
    check(1, "replace all; loaded; stop; stopped; wait 5000",
          "launch 200 in 0: asked; drain 100 to 200; accept 200; "
          "done, kept: the host is stopping after 0 ms");
}

Test(replacement, nothing_is_begun_after_a_stop) {
    check(1, "stop; config all", "done, kept: the host is stopping after 0 ms");
    check(1, "replace all; stop; dies",
          "launch 200 in 0: asked; done, kept: the host is stopping after 0 ms");
}
