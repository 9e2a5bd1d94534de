#include "fcgi_host/supervisor/replacement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"

enum {
    /** Two for each of two culprits, a crash and one in the main interpreter; the next one must
     *  load. */
    MAX_ATTEMPTS = 5,
    /** How long an old worker may take to say that it begins no request any more: its intake
     *  thread never blocks. */
    LEFT_TIMEOUT_MS = 1000,
};

/** Who is told how a replacement ended. */
struct requester {
    struct requester *next;
    void (*done)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct replacement {
    struct replacement *next;
    char cause[256];       /* of all wishes that it fulfils, separated by "; " */
    struct config *config; /* the candidate; NULL: the one in effect */
    int seat;              /* -1: all */
    pid_t worker;          /* that wants to be replaced; 0: `seat` is meant whoever has it */
    unsigned at;           /* the seat that is being replaced */
    unsigned attempts;     /* workers that died while loading for it */
    bool is_forced;
    uint64_t started_ms; /* 0: waits in the queue */
    struct requester *requesters;
};

struct replacement_queue {
    struct seats *seats;
    struct replacement_hooks hooks;
    struct replacement *first; /* the one under way, once it has begun */
    /* The old worker was told to stop, and has not said yet that it begins nothing; 0: none. */
    pid_t leaving;
    pid_t arriving; /* the new worker, which waits for that; 0: none */
    struct loop_timer left;
};

static void left_timeout(void *ctx) {
    struct replacement_queue *queue = ctx;
    replacement_left(queue, queue->leaving);
}

struct replacement_queue *replacement_queue_new(struct seats *seats,
                                                const struct replacement_hooks *hooks,
                                                struct error *err) {
    struct replacement_queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    queue->seats = seats;
    queue->hooks = *hooks;
    queue->left = (struct loop_timer){.expired = left_timeout, .ctx = queue};
    return queue;
}

void replacement_queue_free(struct replacement_queue *queue) {
    free(queue);
}

/* ---- Queue ---- */

static void tell_requesters(const struct replacement *replacement,
                            const struct replacement_result *result) {
    const struct requester *next;
    for (const struct requester *each = replacement->requesters; each; each = next) {
        next = each->next;
        if (each->done) {
            each->done(each->ctx, result);
        }
    }
}

static struct replacement_result result_of(const struct replacement *replacement, bool is_kept,
                                           const char *why) {
    return (struct replacement_result){
        .cause = replacement->cause,
        .why = why,
        .is_kept = is_kept,
        .seat = replacement->seat,
        .total_ms = replacement->started_ms ? (double)(loop_now_ms() - replacement->started_ms) : 0,
    };
}

static void replacement_free(struct replacement *replacement) {
    while (replacement && replacement->requesters) {
        struct requester *requester = replacement->requesters;
        replacement->requesters = requester->next;
        free(requester);
    }
    if (replacement) {
        config_free(replacement->config);
        free(replacement);
    }
}

/* ---- Wishes ---- */

/** Whether a replacement that waits can fulfil this wish too. */
static bool can_join(const struct replacement *waiting, const struct replacement_wish *wish) {
    if (waiting->started_ms || !waiting->config != !wish->config) {
        return false; /* a new configuration may fail where the one in effect does not */
    }
    /* Being forced is for those that asked for it, and for the seat that they asked for. */
    return waiting->seat == wish->seat || (waiting->seat < 0 && waiting->is_forced) ||
           (waiting->seat < 0 && !wish->is_forced);
}

static void join_cause(struct replacement *replacement, const char *cause) {
    size_t length = strlen(replacement->cause);
    if (length == 0 || !strstr(replacement->cause, cause)) {
        snprintf(replacement->cause + length, sizeof replacement->cause - length, "%s%s",
                 length ? "; " : "", cause);
    }
}

/** @param requester  taken over */
static void join_wish(struct replacement *replacement, const struct replacement_wish *wish,
                      struct requester *requester) {
    struct requester **last = &replacement->requesters;
    join_cause(replacement, wish->cause);
    if (wish->config) { /* the one that was read last */
        config_free(replacement->config);
        replacement->config = wish->config;
    }
    replacement->worker = replacement->seat < 0 ? 0 : wish->worker;
    replacement->is_forced |= wish->is_forced;
    while (*last) {
        last = &(*last)->next;
    }
    *requester = (struct requester){.done = wish->done, .ctx = wish->ctx};
    *last = requester;
}

static void refuse_wish(const struct replacement_wish *wish, const char *why) {
    const struct replacement_result result = {
        .cause = wish->cause, .why = why, .is_kept = true, .seat = wish->seat};
    config_free(wish->config);
    if (wish->done) {
        wish->done(wish->ctx, &result);
    }
}

void replacement_add(struct replacement_queue *queue, const struct replacement_wish *wish) {
    if (queue->seats->is_closed) {
        refuse_wish(wish, "the host is stopping");
        return;
    }
    struct requester *requester = malloc(sizeof *requester);
    struct replacement **link = &queue->first;
    while (requester && *link && !can_join(*link, wish)) {
        link = &(*link)->next;
    }
    if (requester && !*link) {
        *link = calloc(1, sizeof **link);
    }
    if (!requester || !*link) {
        free(requester);
        refuse_wish(wish, "out of memory");
        return;
    }
    struct replacement *replacement = *link;
    if (!replacement->requesters) { /* a new one */
        replacement->seat = wish->seat;
        replacement->at = wish->seat < 0 ? 0 : (unsigned)wish->seat;
    }
    join_wish(replacement, wish, requester);
    replacement_next(queue);
}

void replacement_forget(struct replacement_queue *queue, const void *ctx) {
    for (struct replacement *each = queue->first; each; each = each->next) {
        for (struct requester *requester = each->requesters; requester;
             requester = requester->next) {
            if (requester->ctx == ctx) {
                requester->done = NULL;
            }
        }
    }
}

/** The new worker accepts, unless it has died meanwhile. */
static void let_accept(struct replacement_queue *queue, const struct seat *seat) {
    if (seat->current && seat->current->pid == queue->arriving) {
        seat_accept(seat->current);
    }
    queue->leaving = queue->arriving = 0;
}

void replacement_cancel_all(struct replacement_queue *queue, const char *why) {
    if (queue->leaving) { /* the old worker's connections are on their way to the new one */
        let_accept(queue, &queue->seats->items[queue->first->at]);
    }
    loop_disarm(queue->seats->options.loop, &queue->left);
    while (queue->first) {
        struct replacement *replacement = queue->first;
        queue->first = replacement->next;
        const struct replacement_result result = result_of(replacement, true, why);
        tell_requesters(replacement, &result);
        replacement_free(replacement);
    }
}

bool replacement_is_under_way(const struct replacement_queue *queue) {
    return queue->first && queue->first->started_ms;
}

/* ---- The first of the queue ---- */

static void finish_replacement(struct replacement_queue *queue, bool is_kept, const char *why) {
    struct replacement *replacement = queue->first;
    const struct replacement_result result = result_of(replacement, is_kept, why);
    if (is_kept) {
        log_line(LOG_ERROR, "worker.kept", NULL, "no replacement (%s): %s", replacement->cause,
                 why);
    }
    queue->first = replacement->next;
    tell_requesters(replacement, &result);
    queue->hooks.ended(queue->hooks.ctx, &result);
    replacement_free(replacement);
}

/** Whether the worker that wanted to be replaced has left its seat before its turn came. */
static bool is_fulfilled(const struct replacement_queue *queue,
                         const struct replacement *replacement) {
    const struct seats *seats = queue->seats;
    if (replacement->started_ms || !replacement->worker || replacement->at >= seats->count) {
        return false;
    }
    const struct process *current = seats->items[replacement->at].current;
    return !current || current->pid != replacement->worker;
}

static void drop_fulfilled(struct replacement_queue *queue) {
    while (queue->first && is_fulfilled(queue, queue->first)) {
        struct replacement *replacement = queue->first;
        const struct replacement_result result = result_of(replacement, false, "");
        queue->first = replacement->next;
        tell_requesters(replacement, &result);
        replacement_free(replacement);
    }
}

void replacement_next(struct replacement_queue *queue) {
    struct seats *seats = queue->seats;
    if (seats->is_closed) {
        return;
    }
    drop_fulfilled(queue);
    struct replacement *replacement = queue->first;
    if (!replacement) {
        return;
    }
    if (replacement->started_ms == 0) {
        replacement->started_ms = loop_now_ms();
    }
    if (replacement->at >= seats->count) {
        finish_replacement(queue, true, "that worker is gone");
        return;
    }
    struct seat *seat = &seats->items[replacement->at];
    if (seat->coming || queue->leaving) {
        return;
    }
    loop_disarm(seats->options.loop, &seat->refill);
    seat->coming = seat_launch(seat, replacement->config ? replacement->config : seats->config,
                               replacement->cause);
    if (!seat->coming) {
        finish_replacement(queue, true, "no process could be started");
    }
}

/** An application that serves in the old worker and did not load in the new one, or NULL. */
static const char *lost_application(const struct seat *seat) {
    const struct process *coming = seat->coming;
    for (size_t i = 0; i < coming->failed.count; i++) {
        if (!process_has_failed(seat->current, coming->failed.items[i])) {
            return coming->failed.items[i];
        }
    }
    return NULL;
}

/** The old worker begins no request any more: the new one does; go on with the next seat. */
static void finish_seat(struct replacement_queue *queue) {
    struct replacement *replacement = queue->first;
    const struct seat *seat = &queue->seats->items[replacement->at];
    log_line(LOG_INFO, "worker.replaced", NULL, "worker %d serves in place of %d: %s",
             seat->current ? (int)seat->current->pid : 0, (int)queue->leaving, replacement->cause);
    let_accept(queue, seat);
    replacement->attempts = 0;
    replacement->at++;
    if (replacement->seat >= 0 || replacement->at >= queue->seats->count) {
        finish_replacement(queue, false, "");
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
    struct process *old = seat->current;
    seat->current = seat->coming;
    seat->coming = NULL;
    queue->arriving = seat->current->pid;
    if (old) {
        seat_drain(old, seat->current, seat_drain_ms(queue->seats->config));
    }
    if (replacement->config) {
        struct config *config = replacement->config;
        replacement->config = NULL;
        queue->hooks.config_proven(queue->hooks.ctx, config);
    }
    if (old) {
        queue->leaving = old->pid;
        loop_arm(queue->seats->options.loop, &queue->left, LEFT_TIMEOUT_MS);
    } else {
        finish_seat(queue);
    }
}

void replacement_loaded(struct replacement_queue *queue, struct seat *seat) {
    const char *lost = seat->current && !queue->first->is_forced ? lost_application(seat) : NULL;
    if (!lost) {
        switch_over(queue, seat);
        return;
    }
    char why[512];
    snprintf(why, sizeof why, "%s does not load in the new worker; the old one goes on", lost);
    seat_kill(seat->coming);
    seat->coming = NULL;
    finish_replacement(queue, true, why);
}

void replacement_died(struct replacement_queue *queue, const char *why) {
    if (queue->seats->is_closed) {
        return;
    }
    if (++queue->first->attempts < MAX_ATTEMPTS) {
        replacement_next(queue);
    } else {
        finish_replacement(queue, true, why);
    }
}
