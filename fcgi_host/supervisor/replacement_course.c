/* The replacement that is under way: from the worker that loads for a seat to the one that serves.
 */
#include <stdio.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/replacement_internal.h"

enum {
    /** Two for each of two culprits, a crash and one in the main interpreter; the next one must
     *  load. */
    MAX_ATTEMPTS = 5,
    /** How long an old worker may take to say that it begins no request any more: its intake
     *  thread never blocks. */
    LEFT_TIMEOUT_MS = 1000,
};

/** The new worker accepts, unless it has died meanwhile. */
void replacement_let_accept(struct replacement_queue *queue, const struct seat *seat) {
    if (seat->current && seat->current->pid == queue->arriving) {
        seat_accept(seat->current);
    }
    queue->leaving = queue->arriving = 0;
}

/** Whether the old worker must have ended before the new one loads. */
static bool ends_first(const struct replacement_queue *queue, const struct worker_process *old) {
    const struct replacement *replacement = queue->first;
    if (seat_ends_first(queue->seats->config) ||
        (replacement->config && seat_ends_first(replacement->config))) {
        return true;
    }
    bool has_room = seat_has_room_for(old);
    if (!has_room) {
        log_line(LOG_WARN, "worker.memory", NULL,
                 "no memory for a second worker beside %d: it ends before the new one loads",
                 (int)old->pid);
    }
    return !has_room;
}

/** Empty the seat; replacement_gone() goes on. */
static void end_current(struct replacement_queue *queue, struct seat *seat) {
    struct worker_process *old = seat->current;
    replacement_forget_predecessor(queue);
    seat->current = NULL;
    queue->ending = queue->predecessor = old->pid;
    process_move_failed(old, &queue->had);
    queue->bequest_fd = seat_end(old, seat_drain_ms(queue->seats->config));
}

void replacement_hold_edits(const struct seat *seat, unsigned ms) {
    const struct channel_outgoing message = {.type = CHANNEL_HOLD_EDITS, .number = ms};
    if (seat->current) {
        channel_tell(&seat->current->end, &message);
    }
}

static void switch_over(struct replacement_queue *queue, struct seat *seat);

/** Start a worker for the seat. */
static void launch(struct replacement_queue *queue, struct seat *seat) {
    struct replacement *replacement = queue->first;
    struct seats *seats = queue->seats;
    seat->coming = seat_launch(seat, replacement->config ? replacement->config : seats->config,
                               replacement->is_forced ? NULL : seat->current, replacement->cause);
    if (!seat->coming) {
        replacement_finish(queue, true, "no process could be started");
        return;
    }
    replacement_hold_edits(seat, CHANNEL_HOLD_EDITS_MS);
    if (!seat->current && !replacement->config) {
        seat_be_patient(seat->coming);
    }
}

void replacement_gone(struct replacement_queue *queue, pid_t pid) {
    if (queue->ending && queue->ending == pid) {
        queue->ending = 0;
        replacement_next(queue);
    }
}

void replacement_next(struct replacement_queue *queue) {
    struct seats *seats = queue->seats;
    if (seats->is_closed) {
        return;
    }
    replacement_drop_fulfilled(queue);
    struct replacement *replacement = queue->first;
    if (!replacement) {
        return;
    }
    if (replacement->started_ms == 0) {
        replacement->started_ms = loop_now_ms();
    }
    if (replacement->at >= seats->count) {
        replacement_finish(queue, true, "that worker is gone");
        return;
    }
    struct seat *seat = &seats->items[replacement->at];
    bool waits = replacement->is_prepared && !replacement->is_committed;
    if (waits || queue->leaving || queue->ending) {
        return;
    }
    if (seat->coming) {
        if (replacement->is_committed && seat->coming->is_loaded) {
            switch_over(queue, seat);
        }
        return;
    }
    loop_disarm(seats->options.loop, &seat->refill);
    if (!seat->current || !ends_first(queue, seat->current)) {
        launch(queue, seat);
    } else if (replacement->is_held) {
        replacement_finish(queue, true,
                           "no worker can load beside the one that serves: an application "
                           "has reload = restart, or memory is short");
    } else {
        end_current(queue, seat);
    }
}

/** An application that serves or served in the old worker and did not load in the new one, or
 *  NULL. */
static const char *lost_application(const struct replacement_queue *queue,
                                    const struct worker_process *old,
                                    const struct worker_process *coming) {
    for (size_t i = 0; i < coming->failed.count; i++) {
        const char *app = coming->failed.items[i];
        bool is_new = queue->first->is_in_effect && !config_find_app(queue->seats->config, app);
        if (!is_new && !worker_process_has_failed(old, app)) {
            return app;
        }
    }
    return NULL;
}

/** The old worker begins no request any more: the new one does; go on with the next seat. */
static void finish_seat(struct replacement_queue *queue) {
    struct replacement *replacement = queue->first;
    const struct seat *seat = &queue->seats->items[replacement->at];
    log_line(LOG_INFO, "worker.replaced", NULL, "worker %d serves in place of %d: %s",
             seat->current ? (int)seat->current->pid : 0, (int)queue->predecessor,
             replacement->cause);
    replacement_let_accept(queue, seat);
    replacement_forget_predecessor(queue);
    replacement->attempts = 0;
    replacement->at++;
    if (replacement->is_kept || replacement->seat >= 0 || replacement->at >= queue->seats->count) {
        replacement_finish(queue, replacement->is_kept, replacement->why);
    } else {
        replacement_next(queue);
    }
}

void replacement_left(struct replacement_queue *queue, pid_t pid) {
    if (queue->leaving && queue->leaving == pid) {
        loop_disarm(queue->seats->options.loop, &queue->left);
        finish_seat(queue);
    }
}

static void switch_over(struct replacement_queue *queue, struct seat *seat) {
    struct replacement *replacement = queue->first;
    struct worker_process *old = seat->current;
    seat->current = seat->coming;
    seat->coming = NULL;
    queue->arriving = seat->current->pid;
    if (old) {
        seat_drain(old, seat->current, seat_drain_ms(queue->seats->config));
    } else if (queue->bequest_fd >= 0) {
        seat_adopt(seat->current, queue->bequest_fd);
    }
    if (replacement->config) {
        struct config *config = replacement->config;
        replacement->config = NULL;
        queue->hooks.config_proven(queue->hooks.ctx, config);
    }
    if (old) {
        queue->leaving = queue->predecessor = old->pid;
        loop_arm(queue->seats->options.loop, &queue->left, LEFT_TIMEOUT_MS);
    } else {
        finish_seat(queue);
    }
}

/** The old worker serves on, without this application's new code. */
static void keep_old(struct replacement_queue *queue, struct seat *seat, const char *lost) {
    char why[512];
    const char *hint = seat->coming->found_in_use
                           ? "; a port or lock is in use: with reload = restart the old code ends "
                             "before the new is loaded"
                           : "";
    const char *failure = worker_process_failure(seat->coming, lost);
    snprintf(why, sizeof why, "%s does not load in the new worker; the old one goes on%s%s%s", lost,
             hint, *failure ? ": " : "", failure);
    if (seat->coming->found_in_use) {
        seat_suggest_restart(seat->current, lost);
    }
    seat_kill(seat->coming);
    seat->coming = NULL;
    replacement_finish(queue, true, why);
}

/** The old worker has ended: the new one serves, except under a configuration that is worse. */
static void make_do(struct replacement_queue *queue, struct seat *seat) {
    struct replacement *replacement = queue->first;
    const char *lost = lost_application(queue, &queue->had, seat->coming);
    if (lost && !replacement->is_kept) {
        const char *failure = worker_process_failure(seat->coming, lost);
        snprintf(replacement->why, sizeof replacement->why,
                 "%s does not load in the new worker%s%s", lost, *failure ? ": " : "", failure);
    }
    if (!lost || !replacement->config || replacement->is_forced) {
        switch_over(queue, seat);
        return;
    }
    replacement->is_kept = true;
    config_free(replacement->config);
    replacement->config = NULL;
    seat_kill(seat->coming); /* when it has ended: replacement_next() */
}

/** A worker that is to wait has loaded: the next one does, or all wait. */
static void hold(struct replacement_queue *queue) {
    struct replacement *replacement = queue->first;
    struct seats *seats = queue->seats;
    replacement->attempts = 0;
    replacement->at = 0;
    while (replacement->at < seats->count && seats->items[replacement->at].coming) {
        replacement->at++;
    }
    if (replacement->at < seats->count) {
        replacement_next(queue);
        return;
    }
    replacement->at = 0;
    replacement->is_prepared = true;
    if (replacement->prepared) {
        replacement->prepared(replacement->prepared_ctx);
    }
}

void replacement_loaded(struct replacement_queue *queue, struct seat *seat) {
    const char *lost = seat->current && !queue->first->is_forced
                           ? lost_application(queue, seat->current, seat->coming)
                           : NULL;
    if (lost) {
        keep_old(queue, seat, lost);
    } else if (queue->first->is_held && !queue->first->is_committed) {
        hold(queue);
    } else if (!seat->current && queue->predecessor) {
        make_do(queue, seat);
    } else {
        switch_over(queue, seat);
    }
}

void replacement_died(struct replacement_queue *queue, const char *why) {
    if (queue->seats->is_closed) {
        return;
    }
    if (queue->first->is_prepared && !queue->first->is_committed) {
        replacement_finish(queue, true, why);
    } else if (++queue->first->attempts < MAX_ATTEMPTS) {
        replacement_next(queue);
    } else {
        replacement_finish(queue, true, why);
    }
}
