#include "fcgi_host/supervisor/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/fleet_internal.h"

/** After stop_timeout_s: to run what an application does at its end. */
enum { STOP_GRACE_MS = 1000 };

/* ---- Messages ---- */

/** An interpreter that was refused is for a fresh process: a refusal can spoil the module for the
 *  main interpreter of the same process too. */
static void replace_refused(struct fleet *fleet) {
    fleet_replace(fleet, &(struct replacement_wish){
                             .cause = "an application must live in the main interpreter",
                             .seat = -1,
                             .is_forced = true});
}

static void learn_refusal(struct fleet *fleet, struct worker_process *process,
                          const struct channel_message *message) {
    if (placement_move_to_main(fleet->seats->placement, message->name, message->text, NULL) == 1) {
        const struct log_about about = {.app = message->name};
        log_line(LOG_WARN, "app.placed", &about, "moved to the main interpreter: %s",
                 message->text);
        if (process->is_loaded) { /* a script, on the first request for it */
            replace_refused(fleet);
        }
    }
    process->is_refused = process->is_refused || !process->is_loaded;
}

/** As many seats in use as the configuration says. */
static void resize(struct fleet *fleet) {
    struct seats *seats = fleet->seats;
    unsigned wanted = seats->config->workers;
    if (replacement_is_under_way(fleet->replacements)) {
        return; /* a replacement under way counts on the seats: resized when it has ended */
    }
    while (seats->count < wanted) {
        seat_fill(&seats->items[seats->count++]);
    }
    while (seats->count > wanted) {
        struct seat *seat = &seats->items[--seats->count];
        loop_disarm(fleet->loop, &seat->refill);
        if (seat->current) {
            seat_drain(seat->current, seats->items[0].current, seat_drain_ms(seats->config));
            seat->current = NULL;
        }
    }
}

/** The host stops, and this worker was allowed to load for the connections that wait. */
static void serve_what_waits(struct fleet *fleet, struct worker_process *process) {
    uint64_t now_ms = loop_now_ms();
    seat_accept(process);
    seat_drain(process, NULL, fleet->stop_at_ms > now_ms ? fleet->stop_at_ms - now_ms : 0);
}

/** The first worker need not wait for slow applications: the others can be reached, and requests
 * for the slow ones wait in their queues.  One that was refused an interpreter is not to serve. */
static void on_slow_left(const struct fleet *fleet, struct worker_process *process) {
    if (process == process->seat->current && !process->is_refused && !fleet->seats->is_closed) {
        seat_accept(process);
    }
}

/** Log how long the start has taken, once every worker has loaded. */
static void announce_ready(struct fleet *fleet) {
    const struct seats *seats = fleet->seats;
    size_t failed = 0;
    if (!fleet->started_ms || seats->count < seats->config->workers) {
        return;
    }
    for (unsigned i = 0; i < seats->count; i++) {
        const struct worker_process *process = seats->items[i].current;
        if (!process || !process->is_loaded || process->is_refused) {
            return;
        }
        failed = process->failed.count > failed ? process->failed.count : failed;
    }
    char rest[64] = "";
    if (failed > 0) {
        snprintf(rest, sizeof rest, "; %zu did not load", failed);
    }
    size_t count = seats->config->app_count;
    size_t loaded = count > failed ? count - failed : 0;
    log_line(LOG_INFO, "host.ready", NULL, "%zu application%s in %.1f s%s", loaded,
             loaded == 1 ? "" : "s", (double)(loop_now_ms() - fleet->started_ms) / 1000, rest);
    fleet->started_ms = 0;
}

/** A worker has nothing left to load. */
static void on_loaded(struct fleet *fleet, struct worker_process *process) {
    struct seat *seat = process->seat;
    loop_disarm(fleet->loop, &process->deadline);
    process->is_loaded = true;
    seat->failed_starts = 0;
    if (process->is_refused && process->state == PROCESS_LOADING) {
        seat_kill(process); /* another takes its place when it has ended */
    } else if (process != seat->coming && process != seat->current) {
        return; /* its seat was given up, or another has it */
    } else if (fleet->seats->is_closed) {
        serve_what_waits(fleet, process);
    } else if (process == seat->coming) {
        replacement_loaded(fleet->replacements, seat);
        if (process->is_refused) { /* it accepted before it knew */
            replace_refused(fleet);
        }
    } else {
        seat_accept(process);
        resize(fleet);
        if (process->is_refused) { /* it accepted before it knew */
            replace_refused(fleet);
        }
    }
    announce_ready(fleet);
}

static void replace_as_asked(struct fleet *fleet, struct worker_process *process,
                             const struct channel_message *message) {
    bool serves = process->state == PROCESS_SERVING ||
                  (process->state == PROCESS_LOADING && process->is_loaded); /* it soon accepts */
    if (process != process->seat->current || !serves) {
        return;
    }
    if (message->number == CHANNEL_IS_BARRED) {
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_PAUSE});
    }
    if (strcmp(message->name, CONFIG_MAIN_INTERPRETER) == 0) { /* its files have changed */
        placement_forget_guesses(fleet->seats->placement, NULL);
    }
    fleet_replace(fleet,
                  &(struct replacement_wish){.cause = message->text,
                                             .seat = (int)process->seat->index,
                                             .worker = process->pid,
                                             .is_forced = message->number != CHANNEL_MAY_GO_ON});
}

static void on_message(void *ctx, struct worker_process *process,
                       const struct channel_message *message) {
    struct fleet *fleet = ctx;
    switch (message->type) {
    case CHANNEL_REFUSED:
        learn_refusal(fleet, process, message);
        break;
    case CHANNEL_FAILED:
        worker_process_add_failed(process, message->name);
        process->found_in_use |= message->number != 0;
        break;
    case CHANNEL_APP_LOADED:
        placement_loaded(fleet->seats->placement, message->name);
        break;
    case CHANNEL_SLOW_LEFT:
        on_slow_left(fleet, process);
        break;
    case CHANNEL_LOADED:
        on_loaded(fleet, process);
        break;
    case CHANNEL_PONG:
        liveness_answered(process);
        break;
    case CHANNEL_STOPPED:
        process->has_stopped = true;
        replacement_left(fleet->replacements, process->pid);
        break;
    case CHANNEL_REPLACE_ME:
        replace_as_asked(fleet, process, message);
        break;
    default:
        fleet->hooks.message(fleet->hooks.ctx, process, message);
    }
}

/* ---- Replacements ---- */

static void on_config_proven(void *ctx, struct config *config) {
    struct fleet *fleet = ctx;
    const struct config *before = fleet->seats->config;
    struct config *owned_before = fleet->owned_config;
    fleet->seats->config = fleet->owned_config = config;
    fleet->hooks.config_changed(fleet->hooks.ctx, before, config);
    fleet_suspect(fleet); /* a new stuck_timeout_s, perhaps */
    config_free(owned_before);
}

/** The workers show the outcome as their applications' last reload. */
static void tell_workers(struct fleet *fleet, const struct replacement_result *result) {
    const struct seats *seats = fleet->seats;
    const struct channel_outgoing message = {
        .type = CHANNEL_REPLACED,
        .number = (uint64_t)result->total_ms,
        .name =
            reload_outcome_name(result->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED),
        .text = result->cause,
    };
    for (unsigned i = 0; i < seats->count; i++) {
        const struct worker_process *process = seats->items[i].current;
        if (process && (result->seat < 0 || (unsigned)result->seat == i)) {
            channel_tell(&process->end, &message);
        }
    }
}

/** A seat whose worker died while its replacement did not come up would stay empty. */
static void fill_seats(struct fleet *fleet) {
    struct seats *seats = fleet->seats;
    for (unsigned i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->items[i];
        if (!seat->current && !seat->coming && !seat->refill.is_armed) {
            loop_arm(fleet->loop, &seat->refill, backoff_next_ms(&seat->backoff, loop_now_ms(), 0));
        }
    }
}

static void on_replacement_ended(void *ctx, const struct replacement_result *result) {
    struct fleet *fleet = ctx;
    struct fleet_last *last = &fleet->last;
    snprintf(last->cause, sizeof last->cause, "%s", result->cause);
    snprintf(last->why, sizeof last->why, "%s", result->why);
    last->is_kept = result->is_kept;
    last->total_ms = result->total_ms;
    last->at_s = time(NULL);
    tell_workers(fleet, result);
    resize(fleet);
    replacement_next(fleet->replacements);
    fill_seats(fleet);
}

void fleet_replace(struct fleet *fleet, const struct replacement_wish *wish) {
    fleet_suspect(fleet);
    replacement_add(fleet->replacements, wish);
}

void fleet_suspect(struct fleet *fleet) {
    liveness_suspect(fleet->liveness);
}

void fleet_forget(struct fleet *fleet, const void *ctx) {
    replacement_forget(fleet->replacements, ctx);
}

/* ---- Life ---- */

static void on_serving(void *ctx) {
    struct fleet *fleet = ctx;
    fleet->hooks.serving(fleet->hooks.ctx);
}

static void stop_deadline(void *ctx) {
    struct fleet *fleet = ctx;
    log_line(LOG_WARN, "host.stopping", NULL, "stop_timeout_s has passed: killing the workers");
    fleet_kill(fleet);
}

struct fleet *fleet_new(struct loop *loop, const struct config *config, int listen_fd,
                        const struct fleet_hooks *hooks, struct error *err) {
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    const struct seats_options options = {
        .loop = loop,
        .listen_fd = listen_fd,
        .run_worker = hooks->run_worker,
        .in_child = hooks->in_child,
        .in_child_ctx = hooks->ctx,
        .message = on_message,
        .serving = on_serving,
        .ctx = fleet,
    };
    const struct replacement_hooks replacement_hooks = {
        .config_proven = on_config_proven, .ended = on_replacement_ended, .ctx = fleet};
    fleet->loop = loop;
    fleet->hooks = *hooks;
    fleet->stop_deadline = (struct loop_timer){.expired = stop_deadline, .ctx = fleet};
    fleet->seats = seats_new(&options, config, err);
    fleet->liveness = fleet->seats ? liveness_new(fleet->seats, listen_fd, err) : NULL;
    fleet->replacements =
        fleet->liveness ? replacement_queue_new(fleet->seats, &replacement_hooks, err) : NULL;
    if (!fleet->replacements) {
        fleet_free(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_free(struct fleet *fleet) {
    if (fleet) {
        replacement_queue_free(fleet->replacements);
        liveness_free(fleet->liveness);
        seats_free(fleet->seats);
        config_free(fleet->owned_config);
        free(fleet);
    }
}

void fleet_start(struct fleet *fleet) {
    /* The others follow when the first has loaded, and need not find out again what it has. */
    fleet->seats->count = 1;
    fleet->started_ms = loop_now_ms();
    seat_fill(&fleet->seats->items[0]);
}

/** @return the worker with this process id, no longer in the list; NULL: it is none */
static struct worker_process *take_out(struct fleet *fleet, pid_t pid) {
    struct worker_process **link = &fleet->seats->processes;
    while (*link && (*link)->pid != pid) {
        link = &(*link)->next;
    }
    struct worker_process *process = *link;
    if (process) {
        *link = process->next;
    }
    return process;
}

void fleet_reap(struct fleet *fleet) {
    int wait_status;
    pid_t pid;
    /* Any child: process 1 of a container, and a child subreaper, get the orphans of the programs
     * that applications started, and nobody else reaps them. */
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        struct worker_process *process = take_out(fleet, pid);
        if (process) {
            fleet_end_process(fleet, process, wait_status);
        }
    }
    if (fleet->seats->is_closed && !fleet->seats->processes) {
        loop_disarm(fleet->loop, &fleet->stop_deadline);
        fleet->hooks.ended(fleet->hooks.ctx, 0);
    }
}

static void close_seats(struct fleet *fleet) {
    fleet->seats->is_closed = true;
    liveness_close_listening(fleet->liveness);
    replacement_cancel_all(fleet->replacements, "the host is stopping");
}

void fleet_stop(struct fleet *fleet, unsigned timeout_s, bool are_connections_waiting) {
    struct seats *seats = fleet->seats;
    /* While the first worker loads, no other answers the connections that wait: it goes on,
     * accepts them, and ends (serve_what_waits()). */
    bool may_finish_loading = !seats->has_served && are_connections_waiting;
    close_seats(fleet);
    fleet->stop_at_ms = loop_now_ms() + (uint64_t)timeout_s * 1000;
    for (unsigned i = 0; i < seats->count; i++) {
        loop_disarm(fleet->loop, &seats->items[i].refill);
    }
    for (struct worker_process *process = seats->processes; process; process = process->next) {
        if (process->state == PROCESS_LOADING && may_finish_loading) {
            continue;
        }
        if (process->state == PROCESS_LOADING) {
            seat_kill(process);
        } else if (process->state != PROCESS_DOOMED) {
            seat_drain(process, NULL, (uint64_t)timeout_s * 1000);
        }
    }
    loop_arm(fleet->loop, &fleet->stop_deadline, (uint64_t)timeout_s * 1000 + STOP_GRACE_MS);
    fleet_reap(fleet);
}

void fleet_kill(struct fleet *fleet) {
    close_seats(fleet);
    for (struct worker_process *process = fleet->seats->processes; process;
         process = process->next) {
        seat_kill(process);
    }
    fleet_reap(fleet);
}

bool fleet_is_stopping(const struct fleet *fleet) {
    return fleet->seats->is_closed;
}

struct worker_process *fleet_processes(const struct fleet *fleet) {
    return fleet->seats->processes;
}

struct placement *fleet_placement(const struct fleet *fleet) {
    return fleet->seats->placement;
}

const struct config *fleet_config(const struct fleet *fleet) {
    return fleet->seats->config;
}

const struct fleet_last *fleet_last(const struct fleet *fleet) {
    return &fleet->last;
}
