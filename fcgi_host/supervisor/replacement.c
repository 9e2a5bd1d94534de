#include "fcgi_host/supervisor/replacement_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"

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
    queue->bequest_fd = -1;
    queue->left = (struct loop_timer){.expired = left_timeout, .ctx = queue};
    return queue;
}

void replacement_forget_predecessor(struct replacement_queue *queue) {
    queue->ending = queue->predecessor = 0;
    if (queue->bequest_fd >= 0) {
        close(queue->bequest_fd);
        queue->bequest_fd = -1;
    }
    string_list_clear(&queue->had.failed);
}

void replacement_queue_free(struct replacement_queue *queue) {
    if (queue) {
        replacement_forget_predecessor(queue);
        free(queue);
    }
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
        .is_upkeep = replacement->is_upkeep,
        .total_ms = replacement->started_ms ? (double)(loop_now_ms() - replacement->started_ms) : 0,
    };
}

void replacement_ending(const struct replacement_result *result, struct reload_ending *ret_ending) {
    *ret_ending = (struct reload_ending){
        .outcome = result->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED,
        .total_ms = result->total_ms,
        .at_s = time(NULL),
    };
    snprintf(ret_ending->cause, sizeof ret_ending->cause, "%s", result->cause);
    if (result->is_kept) {
        reload_ending_set_why(ret_ending, result->why);
    }
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
    if (waiting->is_held || wish->is_held) {
        return false;
    }
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
    replacement->is_in_effect |= wish->is_in_effect;
    replacement->is_upkeep &= wish->is_upkeep;
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
    char why[512];
    snprintf(why, sizeof why, "workers are to be replaced for another reason: %s", wish->cause);
    replacement_abort(queue, why);
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
        replacement->is_held = wish->is_held;
        replacement->is_upkeep = wish->is_upkeep;
        replacement->prepared = wish->prepared;
        replacement->prepared_ctx = wish->ctx;
    }
    join_wish(replacement, wish, requester);
    replacement_next(queue);
}

bool replacement_commit(struct replacement_queue *queue) {
    struct replacement *replacement = queue->first;
    if (!replacement || !replacement->is_prepared || replacement->is_committed) {
        return false;
    }
    replacement->is_committed = true;
    replacement_next(queue);
    return true;
}

void replacement_abort(struct replacement_queue *queue, const char *why) {
    if (queue->first && queue->first->is_held && !queue->first->is_committed) {
        replacement_finish(queue, true, why);
    }
}

void replacement_forget(struct replacement_queue *queue, const void *ctx) {
    for (struct replacement *each = queue->first; each; each = each->next) {
        for (struct requester *requester = each->requesters; requester;
             requester = requester->next) {
            if (requester->ctx == ctx) {
                requester->done = NULL;
            }
        }
        if (each->prepared_ctx == ctx) {
            each->prepared = NULL;
        }
    }
}

void replacement_cancel_all(struct replacement_queue *queue, const char *why) {
    if (queue->leaving) { /* the old worker's connections are on their way to the new one */
        replacement_let_accept(queue, &queue->seats->items[queue->first->at]);
    }
    replacement_forget_predecessor(queue);
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

/* ---- Ends ---- */

/** Workers that wait for a seat, or load for it, when nothing comes of that. */
static void drop_held(struct replacement_queue *queue) {
    for (unsigned i = 0; i < queue->seats->count; i++) {
        struct seat *seat = &queue->seats->items[i];
        if (seat->coming) {
            seat_kill(seat->coming);
            seat->coming = NULL;
            replacement_hold_edits(seat, 0);
        }
    }
}

void replacement_finish(struct replacement_queue *queue, bool is_kept, const char *why) {
    struct replacement *replacement = queue->first;
    if (replacement->is_held && is_kept) {
        drop_held(queue);
    }
    const struct replacement_result result = result_of(replacement, is_kept, why);
    if (is_kept) {
        log_line(replacement->is_prepared ? LOG_WARN : LOG_ERROR, "worker.kept", NULL,
                 "no replacement (%s): %s", replacement->cause, why);
    }
    if (is_kept && replacement->at < queue->seats->count) {
        replacement_hold_edits(&queue->seats->items[replacement->at], 0);
    }
    replacement_forget_predecessor(queue);
    queue->first = replacement->next;
    tell_requesters(replacement, &result);
    queue->hooks.ended(queue->hooks.ctx, &result);
    replacement_free(replacement);
}

/** Whether the worker that wanted to be replaced has left its seat before its turn came. */
static bool is_fulfilled(const struct replacement_queue *queue,
                         const struct replacement *replacement) {
    const struct seats *seats = queue->seats;
    if (replacement->started_ms || !replacement->worker) {
        return false;
    }
    const struct worker_process *current =
        replacement->at < seats->count ? seats->items[replacement->at].current : NULL;
    return !current || current->pid != replacement->worker;
}

void replacement_drop_fulfilled(struct replacement_queue *queue) {
    while (queue->first && is_fulfilled(queue, queue->first)) {
        struct replacement *replacement = queue->first;
        const struct replacement_result result = result_of(replacement, false, "");
        queue->first = replacement->next;
        tell_requesters(replacement, &result);
        replacement_free(replacement);
    }
}
