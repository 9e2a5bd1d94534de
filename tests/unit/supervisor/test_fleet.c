/** What the fleet makes of messages, of workers that end and of a stop; its seats are not there. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/fleet_internal.h"
#include "tests/unit/supervisor/notes.h"

static struct seats *s_seats;
static struct fleet *s_fleet;
static struct config s_config = {.workers = 1};
static int s_next_pid = 100;
static const char *s_crashing_app; /* NULL: no request is known to have killed the worker */

/* ---- Fakes: the loop, the log (which hears that no channel is there) ---- */

uint64_t loop_now_ms(void) {
    return 100000;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    timer->is_armed = true;
    timer->at_ms = delay_ms;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    (void)loop, (void)source, (void)events, (void)err;
    return 0;
}

int loop_change(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    return loop_add(loop, source, events, err);
}

void loop_remove(struct loop *loop, struct loop_source *source) {
    (void)loop, (void)source;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)slug, (void)about, (void)format;
}

/* ---- Fakes: seats ---- */

struct seats *seats_new(const struct seats_options *options, const struct config *config,
                        struct error *err) {
    (void)err;
    s_seats = calloc(1, sizeof *s_seats);
    s_seats->options = *options;
    s_seats->config = config;
    s_seats->placement = placement_new();
    s_seats->slowdown = slowdown_new();
    s_seats->items = calloc(CONFIG_MAX_WORKERS, sizeof *s_seats->items);
    for (unsigned i = 0; i < CONFIG_MAX_WORKERS; i++) {
        s_seats->items[i].all = s_seats;
        s_seats->items[i].index = i;
    }
    return s_seats;
}

void seats_free(struct seats *seats) {
    while (seats->processes) {
        struct worker_process *process = seats->processes;
        seats->processes = process->next;
        worker_process_free(process);
    }
    placement_free(seats->placement);
    slowdown_free(seats->slowdown);
    free(seats->items);
    free(seats);
}

struct worker_process *seat_launch(struct seat *seat, const struct config *config,
                                   struct worker_process *predecessor, const char *cause) {
    struct worker_process *process = calloc(1, sizeof *process);
    (void)config;
    (void)predecessor;
    process->seat = seat;
    process->pid = s_next_pid++;
    process->channel.fd = process->last_words_fd = -1;
    process->next = s_seats->processes;
    s_seats->processes = process;
    note("launch %d%s%s", (int)process->pid, cause ? ": " : "", cause ? cause : "");
    return process;
}

void seat_fill_after(struct seat *seat, struct worker_process *predecessor) {
    if (!seat->current && !seat->coming && !s_seats->is_closed) {
        seat->current = seat_launch(seat, s_seats->config, predecessor, NULL);
    }
}

void seat_fill(void *ctx) {
    seat_fill_after(ctx, NULL);
}

void seat_accept(struct worker_process *process) {
    note("accept %d", (int)process->pid);
    process->state = PROCESS_SERVING;
    process->serving_ms = loop_now_ms();
    s_seats->has_served = true;
}

uint64_t seat_drain_ms(const struct config *config) {
    (void)config;
    return 30000;
}

void seat_drain(struct worker_process *process, struct worker_process *successor,
                uint64_t timeout_ms) {
    note("drain %d to %d in %u ms", (int)process->pid, successor ? (int)successor->pid : 0,
         (unsigned)timeout_ms);
    process->state = PROCESS_DRAINING;
}

int seat_end(struct worker_process *process, uint64_t timeout_ms) {
    seat_drain(process, NULL, timeout_ms);
    return -1;
}

void seat_adopt(struct worker_process *process, int fd) {
    (void)process, (void)fd;
}

void seat_be_patient(struct worker_process *process) {
    (void)process;
}

void seat_suggest_restart(struct worker_process *process, const char *app) {
    (void)process, (void)app;
}

bool seat_ends_first(const struct config *config) {
    (void)config;
    return false;
}

void seat_kill(struct worker_process *process) {
    note("kill %d", (int)process->pid);
    process->state = PROCESS_DOOMED;
}

void seat_read_rest(struct worker_process *process) {
    (void)process;
}

void seat_unwatch(struct worker_process *process) {
    (void)process;
}

/* ---- Fixture ---- */

static void on_gone(void *ctx, struct worker_process *process) {
    (void)ctx, (void)process;
}

static void on_ended(void *ctx, int exit_status) {
    (void)ctx;
    note("ended with %d", exit_status);
}

static void setup(void) {
    static const struct fleet_hooks s_hooks = {.gone = on_gone, .ended = on_ended};
    s_fleet = fleet_new(NULL, &s_config, -1, &s_hooks, NULL);
    fleet_start(s_fleet, NULL);
}

static void teardown(void) {
    replacement_cancel_all(s_fleet->replacements, "the test is over");
    fleet_free(s_fleet);
}

TestSuite(fleet, .init = setup, .fini = teardown);

static struct worker_process *worker(int pid) {
    struct worker_process *process = s_seats->processes;
    while (process && process->pid != pid) {
        process = process->next;
    }
    cr_assert_not_null(process, "there is no worker %d", pid);
    return process;
}

static void say(int pid, enum channel_type type) {
    struct channel_message message = {.type = type, .name = "shop", .text = "why", .fd = -1};
    s_seats->options.message(s_seats->options.ctx, worker(pid), &message);
}

/** @param wait_status  as of waitpid(): a signal, or an exit status << 8 */
static void end(int pid, int wait_status) {
    struct worker_process *process = worker(pid), **link = &s_seats->processes;
    while (*link != process) {
        link = &(*link)->next;
    }
    *link = process->next;
    process->board = scoreboard_new(NULL);
    if (s_crashing_app) { /* a thread of the worker was serving it when the signal came */
        struct scoreboard_slot *slot = &process->board->slots[0];
        snprintf(slot->facts.app, sizeof slot->facts.app, "%s", s_crashing_app);
        scoreboard_begin(slot, SLOT_SERVING, 1);
        atomic_store(&process->board->used, 1);
        atomic_store(&process->board->fatal_slot, 0);
    }
    fleet_end_process(s_fleet, process, wait_status);
}

static void assert_done(const char *want) {
    cr_assert_str_eq(notes, want);
    notes[0] = '\0';
}

/* ---- Start ---- */

Test(fleet, the_other_workers_start_when_the_first_has_loaded) {
    s_config.workers = 3;
    assert_done("launch 100");
    say(100, CHANNEL_LOADED);
    assert_done("accept 100; launch 101; launch 102");
}

Test(fleet, a_worker_that_was_refused_an_interpreter_is_a_probe) {
    say(100, CHANNEL_REFUSED);
    say(100, CHANNEL_LOADED);
    assert_done("launch 100; kill 100");
    cr_assert_str_eq(placement_main_reason(s_seats->placement, "shop"), "why");
    end(100, SIGKILL);
    assert_done("launch 101");
}

Test(fleet, a_first_worker_accepts_when_only_slow_applications_are_left) {
    s_config.workers = 2;
    say(100, CHANNEL_SLOW_LEFT);
    assert_done("launch 100; accept 100");
    say(100, CHANNEL_LOADED);
    assert_done("accept 100; launch 101");
}

Test(fleet, but_not_one_that_was_refused_an_interpreter) {
    say(100, CHANNEL_REFUSED);
    say(100, CHANNEL_SLOW_LEFT);
    assert_done("launch 100");
}

Test(fleet, nor_one_that_is_to_replace_another) {
    say(100, CHANNEL_LOADED);
    fleet_replace(s_fleet, &(struct replacement_wish){.cause = "why", .seat = -1});
    say(101, CHANNEL_SLOW_LEFT);
    assert_done("launch 100; accept 100; launch 101: why");
}

Test(fleet, a_refusal_while_it_serves_leads_to_a_replacement) {
    say(100, CHANNEL_LOADED);
    say(100, CHANNEL_REFUSED);
    assert_done("launch 100; accept 100; "
                "launch 101: an application must live in the main interpreter");
}

/* ---- Ends ---- */

Test(fleet, a_worker_that_crashes_is_started_again) {
    say(100, CHANNEL_LOADED);
    end(100, SIGSEGV);
    cr_assert_null(s_seats->items[0].current);
    cr_assert(s_seats->items[0].refill.is_armed);
}

/** Let the worker serve, then crash. @return after how long the next one starts */
static uint64_t crash_after_serving(int pid, int wait_status) {
    say(pid, CHANNEL_LOADED);
    end(pid, wait_status);
    cr_assert(s_seats->items[0].refill.is_armed);
    seat_fill(&s_seats->items[0]);
    return s_seats->items[0].refill.at_ms;
}

Test(fleet, an_application_that_crashes_its_workers_is_slowed_down_and_its_neighbours_are_not) {
    s_crashing_app = "shop";
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(crash_after_serving(100 + i, SIGSEGV), 0);
        notes[0] = '\0';
    }
    cr_assert_gt(slowdown_until_ms(s_seats->slowdown, "shop"), 100000);
    cr_assert_eq(slowdown_until_ms(s_seats->slowdown, "blog"), 0);
}

Test(fleet, a_worker_that_somebody_killed_is_started_again_at_once) {
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(crash_after_serving(100 + i, SIGKILL), 0);
        notes[0] = '\0';
    }
}

Test(fleet, workers_that_die_as_soon_as_they_serve_wait) {
    cr_assert_eq(crash_after_serving(100, SIGSEGV), 250);
    cr_assert_eq(crash_after_serving(101, SIGSEGV), 500);
}

Test(fleet, three_workers_that_cannot_even_start_are_enough) {
    for (int i = 0; i < 3; i++) {
        assert_done(i == 0 ? "launch 100" : i == 1 ? "launch 101" : "launch 102");
        end(100 + i, SIGSEGV);
        if (i < 2) {
            seat_fill(&s_seats->items[0]);
        }
    }
    assert_done("ended with 1");
}

Test(fleet, an_old_worker_that_ends_before_it_says_stopped_has_stopped) {
    say(100, CHANNEL_LOADED);
    say(100, CHANNEL_REPLACE_ME);
    say(101, CHANNEL_LOADED);
    assert_done("launch 100; accept 100; launch 101: why; drain 100 to 101 in 30000 ms");
    cr_assert(replacement_is_under_way(s_fleet->replacements));
    end(100, 0);
    assert_done("accept 101");
    cr_assert_not(replacement_is_under_way(s_fleet->replacements));
    cr_assert_str_eq(fleet_last(s_fleet)->cause, "why");
    cr_assert_not(fleet_last(s_fleet)->is_kept);
}

Test(fleet, a_replacement_that_dies_is_tried_again) {
    say(100, CHANNEL_LOADED);
    say(100, CHANNEL_REPLACE_ME);
    end(101, SIGSEGV);
    assert_done("launch 100; accept 100; launch 101: why; launch 102: why");
}

Test(fleet, only_a_worker_that_serves_can_ask_for_its_replacement) {
    say(100, CHANNEL_REPLACE_ME);
    assert_done("launch 100");
}

/* ---- Stop ---- */

Test(fleet, a_stop_drains_workers_that_serve_and_kills_those_that_load) {
    s_config.workers = 2;
    say(100, CHANNEL_LOADED);
    fleet_stop(s_fleet, 10, true);
    assert_done("launch 100; accept 100; launch 101; kill 101; drain 100 to 0 in 10000 ms");
    end(100, 0);
    end(101, SIGKILL);
    fleet_end_if_empty(s_fleet);
    fleet_end_if_empty(s_fleet);
    assert_done("ended with 0");
}

Test(fleet, the_first_worker_may_load_for_connections_that_wait) {
    fleet_stop(s_fleet, 10, true);
    assert_done("launch 100");
    say(100, CHANNEL_LOADED);
    assert_done("accept 100; drain 100 to 0 in 10000 ms");
}

Test(fleet, without_such_connections_it_is_killed) {
    fleet_stop(s_fleet, 10, false);
    assert_done("launch 100; kill 100");
}

/* Its replacement was cancelled: there is none to go on with. */
Test(fleet, so_may_one_that_loads_to_replace_the_first) {
    fleet_replace(s_fleet, &(struct replacement_wish){.cause = "asked", .seat = -1});
    fleet_stop(s_fleet, 10, true);
    say(101, CHANNEL_LOADED);
    assert_done("launch 100; launch 101: asked; accept 101; drain 101 to 0 in 10000 ms");
}
