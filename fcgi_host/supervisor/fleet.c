#include "fcgi_host/supervisor/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/fleet_internal.h"

/** After stop_timeout_s: to run what an application does at its end. */
enum { STOP_GRACE_MS = 1000 };

/* ---- Replacements ---- */

static void on_config_proven(void *ctx, struct config *config) {
    struct fleet *fleet = ctx;
    const struct config *before = fleet->seats->config;
    struct config *owned_before = fleet->owned_config;
    fleet->seats->config = fleet->owned_config = config;
    if (fleet->template) {
        template_forget(fleet->template, "the configuration has changed");
    }
    fleet_fit(fleet);
    fleet->hooks.config_changed(fleet->hooks.ctx, before, config);
    fleet_suspect(fleet); /* a new stuck_timeout_s, perhaps */
    config_free(owned_before);
}

/** The workers show the outcome as their applications' last reload. */
static void tell_workers(struct fleet *fleet, const struct replacement_result *result) {
    const struct seats *seats = fleet->seats;
    struct reload_ending ending;
    char text[RELOAD_ENDING_BYTES];
    replacement_ending(result, &ending);
    reload_ending_write(&ending, text);
    const struct channel_outgoing message = {
        .type = CHANNEL_REPLACED, .number = (uint64_t)result->total_ms, .text = text};
    for (unsigned i = 0; i < seats->count; i++) {
        struct worker_process *process = seats->items[i].current;
        if (process && (result->seat < 0 || (unsigned)result->seat == i)) {
            channel_tell(&process->end, &message);
            process->is_paused = process->is_paused && !result->is_kept;
        }
    }
    fleet_accepting_changed(fleet);
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
    if (fleet->hooks.replaced) {
        fleet->hooks.replaced(fleet->hooks.ctx, result);
    }
    tell_workers(fleet, result);
    fleet_resize(fleet);
    replacement_next(fleet->replacements);
    fill_seats(fleet);
}

void fleet_set_config(struct fleet *fleet, struct config *config) {
    struct config *before = fleet->owned_config;
    fleet->seats->config = fleet->owned_config = config;
    if (fleet->template) {
        template_forget(fleet->template, "the configuration has changed");
    }
    fleet_fit(fleet);
    config_free(before);
}

void fleet_replace(struct fleet *fleet, const struct replacement_wish *wish) {
    if (fleet_replace_asleep(fleet, wish)) {
        return;
    }
    if (fleet->seats->count == 0) { /* a template was to come first */
        fleet_template_wait_no_more(fleet);
    }
    fleet_suspect(fleet);
    replacement_add(fleet->replacements, wish);
}

bool fleet_commit(struct fleet *fleet) {
    return replacement_commit(fleet->replacements);
}

void fleet_abort(struct fleet *fleet, const char *why) {
    replacement_abort(fleet->replacements, why);
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

static void get_neighbourhood(void *ctx, const struct config *config,
                              struct neighbourhood *ret_neighbourhood) {
    struct fleet *fleet = ctx;
    fleet->hooks.neighbourhood(fleet->hooks.ctx, config, ret_neighbourhood);
}

static void stop_deadline(void *ctx) {
    struct fleet *fleet = ctx;
    log_line(LOG_WARN, "host.stopping", NULL, "stop_timeout_s has passed: killing the workers");
    fleet_kill(fleet);
}

struct fleet *fleet_new(struct loop *loop, const char *name, const struct config *config,
                        int listen_fd, const struct fleet_hooks *hooks, struct error *err) {
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    const struct seats_options options = {
        .loop = loop,
        .listen_fd = listen_fd,
        .run_worker = hooks->run_worker,
        .run_template = hooks->run_template,
        .in_child = hooks->in_child,
        .in_child_ctx = hooks->ctx,
        .lifeline = hooks->lifeline,
        .message = fleet_message,
        .serving = on_serving,
        .accepting = fleet_accepting_changed,
        .aged = fleet_aged,
        .neighbourhood = hooks->neighbourhood ? get_neighbourhood : NULL,
        .ctx = fleet,
    };
    const struct replacement_hooks replacement_hooks = {
        .config_proven = on_config_proven, .ended = on_replacement_ended, .ctx = fleet};
    fleet->loop = loop;
    fleet->name = name;
    fleet_scaling_init(fleet);
    fleet->hooks = *hooks;
    fleet->stop_deadline = (struct loop_timer){.expired = stop_deadline, .ctx = fleet};
    fleet->seats = seats_new(&options, config, err);
    fleet->liveness = fleet->seats ? liveness_new(fleet->seats, listen_fd, err) : NULL;
    fleet->replacements =
        fleet->liveness ? replacement_queue_new(fleet->seats, &replacement_hooks, err) : NULL;
    if (!fleet->replacements || fleet_template_init(fleet, err)) {
        fleet_free(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_free(struct fleet *fleet) {
    if (fleet) {
        loop_disarm(fleet->loop, &fleet->look);
        fleet_template_end(fleet);
        replacement_queue_free(fleet->replacements);
        liveness_free(fleet->liveness);
        seats_free(fleet->seats);
        config_free(fleet->owned_config);
        free(fleet);
    }
}

static bool is_answering(const struct worker_process *process) {
    return process == process->seat->current && process->unanswered < PROCESS_SILENT_TURNS;
}

struct worker_process *fleet_find_serving(const struct fleet *fleet) {
    struct worker_process *process = fleet ? fleet->seats->processes : NULL;
    while (process && (process->state != PROCESS_SERVING || !is_answering(process))) {
        process = process->next;
    }
    return process;
}

struct worker_process *fleet_find_heir(const struct fleet *fleet) {
    for (unsigned i = 0; fleet && i < fleet->seats->count; i++) {
        struct worker_process *process = fleet->seats->items[i].current;
        if (process && process->is_loaded && process->state <= PROCESS_SERVING &&
            is_answering(process)) {
            return process;
        }
    }
    return NULL;
}

bool fleet_will_accept(const struct fleet *fleet) {
    const struct worker_process *process = fleet->seats->processes;
    while (process && (!is_answering(process) || process->is_paused ||
                       (process->state != PROCESS_SERVING && process->state != PROCESS_LOADING))) {
        process = process->next;
    }
    return process != NULL;
}

void fleet_start(struct fleet *fleet, const struct fleet *before) {
    if (!before && fleet->seats->config->workers.least == 0) {
        fleet->is_asleep = fleet->is_ready = true;
        if (fleet->hooks.ready) {
            fleet->hooks.ready(fleet->hooks.ctx, 0);
        }
        return;
    }
    fleet_fit(fleet);
    fleet->waits_for_template = true;
    if (!before && template_make_first(fleet->template)) {
        return;
    }
    /* The others follow when the first has loaded, and need not find out again what it has. */
    fleet->seats->count = 1;
    seat_fill_after(&fleet->seats->items[0], fleet_find_serving(before));
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

bool fleet_reap(struct fleet *fleet, pid_t pid, int wait_status) {
    struct worker_process *process = take_out(fleet, pid);
    if (process) {
        fleet_end_process(fleet, process, wait_status);
        return true;
    }
    return fleet->template && template_reap(fleet->template, pid, wait_status);
}

void fleet_end_if_empty(struct fleet *fleet) {
    if (fleet->seats->is_closed && !fleet->seats->processes && !fleet->has_ended) {
        fleet->has_ended = true;
        loop_disarm(fleet->loop, &fleet->stop_deadline);
        fleet_template_end(fleet);
        fleet->hooks.ended(fleet->hooks.ctx, 0);
    }
}

static void close_seats(struct fleet *fleet) {
    fleet->seats->is_closed = true;
    loop_disarm(fleet->loop, &fleet->look);
    liveness_close_listening(fleet->liveness);
    if (fleet->template) {
        template_close(fleet->template);
    }
    replacement_cancel_all(fleet->replacements, "the host is stopping");
}

void fleet_stop(struct fleet *fleet, unsigned timeout_s, bool are_connections_waiting) {
    struct seats *seats = fleet->seats;
    /* While the only worker loads, no other answers the connections that wait: it goes on,
     * accepts them, and ends (serve_what_waits()). */
    bool may_finish_loading = !fleet_find_serving(fleet) && are_connections_waiting;
    struct worker_process *heir = /* of idle connections */
        seats->is_leaving && fleet->hooks.find_heir ? fleet->hooks.find_heir(fleet->hooks.ctx)
                                                    : NULL;
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
            seat_drain(process, heir, (uint64_t)timeout_s * 1000);
        }
    }
    loop_arm(fleet->loop, &fleet->stop_deadline, (uint64_t)timeout_s * 1000 + STOP_GRACE_MS);
    fleet_end_if_empty(fleet);
}

void fleet_leave(struct fleet *fleet, unsigned timeout_s) {
    fleet->seats->is_leaving = true;
    fleet_stop(fleet, timeout_s, false);
}

void fleet_kill(struct fleet *fleet) {
    close_seats(fleet);
    for (struct worker_process *process = fleet->seats->processes; process;
         process = process->next) {
        seat_kill(process);
    }
    fleet_end_if_empty(fleet);
}

bool fleet_is_stopping(const struct fleet *fleet) {
    return fleet->seats->is_closed;
}

void fleet_forget_listening(struct fleet *fleet) {
    fleet->seats->options.listen_fd = -1;
}

bool fleet_has(const struct fleet *fleet, const struct worker_process *process) {
    return process->seat->all == fleet->seats;
}

void fleet_let_dry_go(struct fleet *fleet) {
    for (struct worker_process *process = fleet->seats->processes; process;
         process = process->next) {
        if (process->is_dry && !process->is_let_go) {
            process->is_let_go = true;
            channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_NO_MORE});
        }
    }
}

bool fleet_accepts(const struct fleet *fleet) {
    const struct worker_process *process = fleet->seats->processes;
    while (process && (process->state != PROCESS_SERVING || process->is_paused ||
                       process->unanswered >= PROCESS_SILENT_TURNS)) {
        process = process->next;
    }
    return process != NULL;
}

struct worker_process *fleet_processes(const struct fleet *fleet) {
    return fleet->seats->processes;
}

const struct config *fleet_part(const struct fleet *fleet) {
    return fleet->seats->config;
}

struct placement *fleet_placement(const struct fleet *fleet) {
    return fleet->seats->placement;
}

const struct fleet_last *fleet_last(const struct fleet *fleet) {
    return &fleet->last;
}
