#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/fleet_internal.h"
#include "fcgi_host/supervisor/last_words.h"

enum {
    /** A worker that served so long had served: it is not the start that fails. */
    HAD_SERVED_MS = 1000,
    /** Workers that died before they could load anything, until the host gives up. */
    MAX_FAILED_STARTS = 3,
};

/* ---- Crashes ---- */

/** The application that was being loaded is to blame. */
static void blame_application(struct fleet *fleet, const char *app, const char *why,
                              bool was_killed) {
    const struct app_config *config = config_find_app(fleet->seats->config, app);
    /* A script's interpreter is its own and has its name. */
    const char *interpreter = config && config->interpreter ? config->interpreter : app;
    bool is_main = strcmp(interpreter, CONFIG_MAIN_INTERPRETER) == 0 ||
                   placement_main_reason(fleet->seats->placement, interpreter);
    const struct log_about about = {.app = app};
    switch (
        placement_crashed(fleet->seats->placement, app, interpreter, is_main, why, was_killed)) {
    case PLACEMENT_MOVED:
        if (fleet->hooks.crashed && fleet->hooks.crashed(fleet->hooks.ctx, app, interpreter, why)) {
            placement_retry(fleet->seats->placement, app); /* it is no longer this group's */
            break;
        }
        log_line(LOG_WARN, "app.placed", &about, "tried again in the main interpreter: %s", why);
        break;
    case PLACEMENT_FAILED:
        log_line(LOG_ERROR, "app.failed", &about,
                 "not loaded again until it changes or is reloaded: the worker %s", why);
        fleet->hooks.given_up(fleet->hooks.ctx, config ? config->file : app);
        break;
    case PLACEMENT_RETRY:
        break;
    }
}

/** A request of this application killed its worker: for a time that grows it is not served. */
static void slow_down(struct fleet *fleet, const char *app) {
    uint64_t now_ms = loop_now_ms();
    unsigned wait_ms = slowdown_crashed(fleet->seats->slowdown, app, now_ms);
    if (wait_ms == 0) {
        return;
    }
    const struct log_about about = {.app = app};
    log_line(LOG_WARN, "app.slowed", &about,
             "its requests crash one worker after the other: answered 503 for %u ms", wait_ms);
    for (struct worker_process *each = fleet->seats->processes; each; each = each->next) {
        channel_tell(&each->end, &(struct channel_outgoing){.type = CHANNEL_SLOW_DOWN,
                                                            .number = now_ms + wait_ms,
                                                            .name = app});
    }
}

/** By hand, or for want of memory: no application is to blame. */
static bool was_killed(const struct worker_process *process, int wait_status) {
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL && !process->is_overdue;
}

/** @return whether there was an application to blame */
static bool log_crash(struct fleet *fleet, const struct worker_process *process, int wait_status,
                      char *why, size_t why_bytes) {
    last_words_log(process, wait_status, why, why_bytes);
    const char *loading = last_words_loading(process);
    const char *culprit = last_words_culprit(process, wait_status);
    if (loading) {
        blame_application(fleet, loading, why, was_killed(process, wait_status));
    } else if (culprit) {
        slow_down(fleet, culprit);
    }
    return loading || culprit;
}

/* ---- A seat without its worker ---- */

/** Whether the next worker is likely to serve, so that it is started at once. */
static bool had_served(const struct worker_process *process, int wait_status, bool has_culprit) {
    uint64_t served_ms = process->serving_ms ? loop_now_ms() - process->serving_ms : 0;
    return process->serving_ms &&
           (has_culprit || was_killed(process, wait_status) || served_ms >= HAD_SERVED_MS);
}

/** @param has_culprit  an application is to blame, so the next start will be another one */
static void refill_later(struct fleet *fleet, struct seat *seat,
                         const struct worker_process *process, int wait_status, bool has_culprit) {
    if (seat->coming || fleet->seats->is_closed) {
        return; /* the one that comes takes the place when it has loaded */
    }
    if (!process->is_loaded && !has_culprit && !fleet->seats->has_served &&
        ++seat->failed_starts >= MAX_FAILED_STARTS &&
        (!fleet->hooks.gives_up || fleet->hooks.gives_up(fleet->hooks.ctx))) {
        log_line(LOG_ERROR, "host.failed", NULL, "no worker can start: giving up");
        fleet->hooks.ended(fleet->hooks.ctx, 1);
        return;
    }
    unsigned wait_ms = had_served(process, wait_status, has_culprit)
                           ? 0
                           : backoff_next_ms(&seat->backoff, loop_now_ms(), 0);
    if (wait_ms > 0) {
        log_line(LOG_WARN, "worker.waiting", NULL, "the next worker starts in %u ms", wait_ms);
    }
    loop_arm(fleet->loop, &seat->refill, wait_ms);
}

static const char s_has_ended[] = "a worker that serves has ended: the next one is new";

/** A worker was told to go, or was a probe: its exit is expected. */
static void ended_as_told(struct fleet *fleet, const struct worker_process *process) {
    struct seat *seat = process->seat;
    if (process->state == PROCESS_DRAINING) {
        log_line(LOG_INFO, "worker.ended", NULL, "worker %d has finished and ended",
                 (int)process->pid);
    }
    if (process == seat->current) { /* refused, or killed by the supervisor */
        seat->current = NULL;
        replacement_abort(fleet->replacements, s_has_ended);
        seat_fill(seat);
    } else if (process == seat->coming) {
        seat->coming = NULL;
        replacement_next(fleet->replacements);
    }
}

static void ended_by_itself(struct fleet *fleet, const struct worker_process *process,
                            int wait_status) {
    struct seat *seat = process->seat;
    char why[512];
    bool has_culprit = log_crash(fleet, process, wait_status, why, sizeof why);
    if (process == seat->current) {
        seat->current = NULL;
        replacement_abort(fleet->replacements, s_has_ended);
        refill_later(fleet, seat, process, wait_status, has_culprit);
    } else if (process == seat->coming) {
        seat->coming = NULL;
        replacement_died(fleet->replacements, why);
    }
}

void fleet_end_process(struct fleet *fleet, struct worker_process *process, int wait_status) {
    seat_read_rest(process);
    seat_unwatch(process);
    replacement_left(fleet->replacements, process->pid);
    bool was_told = process->state == PROCESS_DOOMED ||
                    (process->state == PROCESS_DRAINING && WIFEXITED(wait_status));
    if (was_told || (process->is_refused && process->serving_ms == 0)) {
        ended_as_told(fleet, process);
    } else {
        ended_by_itself(fleet, process, wait_status);
    }
    replacement_gone(fleet->replacements, process->pid);
    fleet->hooks.gone(fleet->hooks.ctx, process);
    worker_process_free(process);
}
