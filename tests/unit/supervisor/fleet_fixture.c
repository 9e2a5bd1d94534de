#include "tests/unit/supervisor/fleet_fixture.h"
#include "fcgi_host/supervisor/log_files.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/base/log.h"
#include "tests/unit/supervisor/notes.h"

struct seats *fleet_seats;
struct fleet *fleet_under_test;
struct config fleet_config = {.workers = {1, 1}};
static int s_next_pid = 100;
const char *fleet_crashing_app; /* NULL: no request is known to have killed the worker */

/* ---- Fakes: the loop, the log (which hears that no channel is there) ---- */

uint64_t fleet_now_ms = 100000;

uint64_t loop_now_ms(void) {
    return fleet_now_ms;
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

int log_files_open(const struct config *config, struct error *err) {
    (void)config, (void)err;
    return 0;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)slug, (void)about, (void)format;
}

/* ---- Fakes: seats ---- */

struct seats *seats_new(const struct seats_options *options, const struct config *config,
                        struct error *err) {
    (void)err;
    fleet_seats = calloc(1, sizeof *fleet_seats);
    fleet_seats->options = *options;
    fleet_seats->config = config;
    fleet_seats->placement = placement_new();
    fleet_seats->slowdown = slowdown_new();
    fleet_seats->items = calloc(CONFIG_MAX_WORKERS, sizeof *fleet_seats->items);
    for (unsigned i = 0; i < CONFIG_MAX_WORKERS; i++) {
        fleet_seats->items[i].all = fleet_seats;
        fleet_seats->items[i].index = i;
    }
    return fleet_seats;
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
    process->board = scoreboard_new(NULL);
    process->next = fleet_seats->processes;
    fleet_seats->processes = process;
    note("launch %d%s%s", (int)process->pid, cause ? ": " : "", cause ? cause : "");
    return process;
}

void seats_describe_start(struct seats *seats, const struct config *config,
                          struct worker_process_start *ret_start) {
    (void)seats;
    *ret_start = (struct worker_process_start){.config = config};
}

void seats_forget_start(struct worker_process_start *start) {
    (void)start;
}

void seat_fill_after(struct seat *seat, struct worker_process *predecessor) {
    if (!seat->current && !seat->coming && !fleet_seats->is_closed) {
        seat->current = seat_launch(seat, fleet_seats->config, predecessor, NULL);
    }
}

void seat_fill(void *ctx) {
    seat_fill_after(ctx, NULL);
}

void seat_accept(struct worker_process *process) {
    note("accept %d", (int)process->pid);
    process->state = PROCESS_SERVING;
    process->serving_ms = loop_now_ms();
    fleet_seats->has_served = true;
    fleet_seats->options.accepting(fleet_seats->options.ctx);
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

bool seat_has_room_for(const struct worker_process *process) {
    (void)process;
    return true;
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

void fleet_setup(void) {
    static const struct fleet_hooks s_hooks = {.gone = on_gone, .ended = on_ended};
    fleet_under_test = fleet_new(NULL, "shared", &fleet_config, -1, &s_hooks, NULL);
    fleet_start(fleet_under_test, NULL);
}

void fleet_teardown(void) {
    replacement_cancel_all(fleet_under_test->replacements, "the test is over");
    fleet_free(fleet_under_test);
}

struct worker_process *fleet_worker(int pid) {
    struct worker_process *process = fleet_seats->processes;
    while (process && process->pid != pid) {
        process = process->next;
    }
    cr_assert_not_null(process, "there is no worker %d", pid);
    return process;
}

void fleet_say_number(int pid, enum channel_type type, uint64_t number) {
    struct channel_message message = {
        .type = type, .number = number, .name = "shop", .text = "why", .fd = -1};
    fleet_seats->options.message(fleet_seats->options.ctx, fleet_worker(pid), &message);
}

void fleet_say(int pid, enum channel_type type) {
    fleet_say_number(pid, type, 0);
}

/** @param wait_status  as of waitpid(): a signal, or an exit status << 8 */
void fleet_end(int pid, int wait_status) {
    struct worker_process *process = fleet_worker(pid), **link = &fleet_seats->processes;
    while (*link != process) {
        link = &(*link)->next;
    }
    *link = process->next;
    if (fleet_crashing_app) { /* a thread of the worker was serving it when the signal came */
        struct scoreboard_slot *slot = &process->board->slots[0];
        snprintf(slot->facts.app, sizeof slot->facts.app, "%s", fleet_crashing_app);
        scoreboard_begin(slot, SLOT_SERVING, 1);
        atomic_store(&process->board->used, 1);
        atomic_store(&process->board->fatal_slot, 0);
    }
    fleet_end_process(fleet_under_test, process, wait_status);
}

void fleet_set_workers(unsigned least, unsigned most) {
    fleet_config.workers = (struct worker_range){least, most};
    fleet_fit(fleet_under_test);
}

void fleet_assert_done(const char *want) {
    cr_assert_str_eq(notes, want);
    notes[0] = '\0';
}
