#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/fleet_internal.h"

enum {
    /** Workers that died before they could load anything, until the host gives up. */
    MAX_FAILED_STARTS = 3,
};

/* ---- Crashes ---- */

static const struct app_config *find_app(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->app_count; i++) {
        if (strcmp(config->apps[i].name, name) == 0) {
            return &config->apps[i];
        }
    }
    return NULL;
}

/** The application that was being loaded is to blame. */
static void blame(struct fleet *fleet, const char *app, const char *why, bool was_killed) {
    const struct app_config *config = find_app(fleet->config, app);
    /* A script's interpreter is its own and has its name. */
    const char *interpreter = config && config->interpreter ? config->interpreter : app;
    bool is_main =
        strcmp(interpreter, "main") == 0 || placement_main_reason(fleet->placement, interpreter);
    const struct log_about about = {.app = app};
    switch (placement_crashed(fleet->placement, app, interpreter, is_main, why, was_killed)) {
    case PLACEMENT_MOVED:
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

/** @return whether there was an application to blame */
static bool crashed(struct process *process, int wait_status, char *why, size_t why_bytes) {
    process_log_last_words(process, wait_status, why, why_bytes);
    const char *loading = process_was_loading(process);
    if (!loading) {
        return false;
    }
    bool was_killed =
        WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL && !process->is_overdue;
    blame(process->fleet, loading, why, was_killed);
    return true;
}

/* ---- A slot without its worker ---- */

void fleet_restart(void *ctx) {
    struct slot *slot = ctx;
    struct fleet *fleet = slot->fleet;
    if (slot->current || slot->coming || fleet->is_stopping) {
        return;
    }
    slot->current = fleet_launch(fleet, slot, fleet->config, NULL);
    if (slot->current) {
        loop_arm(fleet->loop, &slot->current->patience, FLEET_PATIENCE_MS);
    } else {
        loop_arm(fleet->loop, &slot->restart, backoff_next_ms(&slot->backoff, loop_now_ms(), 0));
    }
}

/** @param has_culprit  an application is to blame, so the next start will be another one */
static void restart_later(struct slot *slot, const struct process *process, bool has_culprit) {
    struct fleet *fleet = slot->fleet;
    if (slot->coming) {
        return; /* it takes the place when it has loaded */
    }
    if (!process->is_loaded && !has_culprit && !fleet->has_served &&
        ++slot->failed_starts >= MAX_FAILED_STARTS) {
        log_line(LOG_ERROR, "host.failed", NULL, "no worker can start: giving up");
        fleet->hooks.ended(fleet->hooks.ctx, 1);
        return;
    }
    uint64_t now_ms = loop_now_ms();
    uint64_t served_ms = process->serving_ms ? now_ms - process->serving_ms + 1 : 0;
    unsigned wait_ms = backoff_next_ms(&slot->backoff, now_ms, served_ms);
    if (wait_ms > 0) {
        log_line(LOG_WARN, "worker.waiting", NULL, "the next worker starts in %u ms", wait_ms);
    }
    loop_arm(fleet->loop, &slot->restart, wait_ms);
}

/** A worker that was told to go, or that only served to learn something. */
static void ended_as_told(struct process *process) {
    struct slot *slot = &process->fleet->slots[process->slot];
    if (process->state == PROCESS_DRAINING) {
        log_line(LOG_INFO, "worker.ended", NULL, "worker %d has finished and ended",
                 (int)process->pid);
    }
    if (process == slot->current) { /* refused, or killed by us */
        slot->current = NULL;
        fleet_restart(slot);
    } else if (process == slot->coming) {
        slot->coming = NULL;
        replacement_next(process->fleet);
    }
}

/** Whoever waits for it to stop need not any more. */
static void note_left(const struct process *process) {
    struct slot *slot = &process->fleet->slots[process->slot];
    if (process->pid == slot->left_pid) {
        replacement_left(slot);
    }
}

static void ended_by_itself(struct process *process, int wait_status) {
    struct slot *slot = &process->fleet->slots[process->slot];
    char why[512];
    bool has_culprit = crashed(process, wait_status, why, sizeof why);
    if (process == slot->current) {
        slot->current = NULL;
        restart_later(slot, process, has_culprit);
    } else if (process == slot->coming) {
        slot->coming = NULL;
        replacement_died(process->fleet, slot, why);
    }
}

static void process_ended(struct process *process, int wait_status) {
    struct fleet *fleet = process->fleet;
    fleet_hear_out(process);
    loop_disarm(fleet->loop, &process->deadline);
    loop_disarm(fleet->loop, &process->patience);
    loop_remove(fleet->loop, &process->channel);
    note_left(process);
    bool was_told = process->state == PROCESS_DOOMED ||
                    (process->state == PROCESS_DRAINING && WIFEXITED(wait_status));
    if (was_told || (process->is_refused && process->serving_ms == 0)) {
        ended_as_told(process);
    } else {
        ended_by_itself(process, wait_status);
    }
    fleet->hooks.gone(fleet->hooks.ctx, process);
    process_free(process);
}

void fleet_reap(struct fleet *fleet) {
    struct process **link = &fleet->processes;
    while (*link) {
        struct process *process = *link;
        int wait_status;
        if (waitpid(process->pid, &wait_status, WNOHANG) != process->pid) {
            link = &process->next;
            continue;
        }
        *link = process->next;
        process_ended(process, wait_status);
        link = &fleet->processes; /* ending one may have started another */
    }
    if (fleet->is_stopping && !fleet->processes) {
        loop_disarm(fleet->loop, &fleet->stop_deadline);
        fleet->hooks.ended(fleet->hooks.ctx, 0);
    }
}

/* ---- Stopping ---- */

void fleet_stop_deadline(void *ctx) {
    struct fleet *fleet = ctx;
    log_line(LOG_WARN, "host.stopping", NULL, "stop_timeout_s has passed: killing the workers");
    fleet_kill(fleet);
}

void fleet_stop(struct fleet *fleet, unsigned timeout_s, bool are_connections_waiting) {
    /* Nobody else answers what came while the first worker of a slot loads: it goes on, accepts
     * that, and ends (loaded() in fleet.c). */
    bool may_finish_loading = !fleet->has_served && are_connections_waiting;
    fleet->is_stopping = true;
    fleet->stop_at_ms = loop_now_ms() + (uint64_t)timeout_s * 1000;
    replacement_cancel_all(fleet, "the host is stopping");
    for (unsigned i = 0; i < fleet->slot_count; i++) {
        loop_disarm(fleet->loop, &fleet->slots[i].restart);
    }
    for (struct process *process = fleet->processes; process; process = process->next) {
        if (process->state == PROCESS_LOADING && may_finish_loading) {
            continue;
        }
        if (process->state == PROCESS_LOADING) {
            process_kill(process);
        } else if (process->state != PROCESS_DOOMED) {
            fleet_drain(process, NULL, (uint64_t)timeout_s * 1000);
        }
    }
    loop_arm(fleet->loop, &fleet->stop_deadline, (uint64_t)timeout_s * 1000 + FLEET_STOP_GRACE_MS);
    fleet_reap(fleet);
}

void fleet_kill(struct fleet *fleet) {
    fleet->is_stopping = true;
    replacement_cancel_all(fleet, "the host is stopping");
    for (struct process *process = fleet->processes; process; process = process->next) {
        process_kill(process);
    }
    fleet_reap(fleet);
}
