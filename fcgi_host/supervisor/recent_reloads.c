#include "fcgi_host/supervisor/recent_reloads.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/applications.h"

static void reload_free(struct recent_reload *reload) {
    free(reload->process);
    free(reload->app);
}

static bool has_worker(const struct recent_reload *reload, pid_t worker) {
    for (size_t i = 0; i < reload->worker_count; i++) {
        if (reload->workers[i] == worker) {
            return true;
        }
    }
    return false;
}

/** Whether the same has happened in other workers, just before.  (Workers are replaced one after
 *  the other: that takes as long as a replacement does.) */
static bool is_same(const struct recent_reload *one, const struct recent_reload *other) {
    uint64_t between_ms = RECENT_TOGETHER_MS;
    between_ms += other->worker < 0 ? (uint64_t)other->ending.total_ms : 0;
    return one->worker_count > 0 && one->worker_count < RECENT_WORKERS && other->worker != 0 &&
           !has_worker(one, other->worker) && other->ended_ms - one->ended_ms <= between_ms &&
           one->ending.outcome == other->ending.outcome &&
           strcmp(one->process, other->process) == 0 && strcmp(one->app, other->app) == 0 &&
           strcmp(one->ending.cause, other->ending.cause) == 0 &&
           strcmp(one->ending.why, other->ending.why) == 0;
}

static void join(struct recent_reload *one, const struct recent_reload *other) {
    one->workers[one->worker_count++] = other->worker;
    one->ended_ms = other->ended_ms;
    if (other->ending.total_ms > one->ending.total_ms) {
        one->ending.total_ms = other->ending.total_ms;
    }
    if (status_verdict_rank(other->ending.verdict) > status_verdict_rank(one->ending.verdict)) {
        memcpy(one->ending.verdict, other->ending.verdict, sizeof one->ending.verdict);
    }
}

void recent_reloads_add(struct recent_reloads *reloads, const struct recent_reload *reload) {
    for (size_t i = 0; i < reloads->count; i++) {
        if (is_same(&reloads->items[i], reload)) {
            join(&reloads->items[i], reload);
            return;
        }
    }
    struct recent_reload added = *reload;
    added.process = strdup(reload->process);
    added.app = strdup(reload->app);
    added.workers[0] = reload->worker;
    added.worker_count = reload->worker ? 1 : 0;
    if (!added.process || !added.app) {
        reload_free(&added);
        return;
    }
    if (reloads->count == RECENT_RELOADS) {
        reload_free(&reloads->items[--reloads->count]);
    }
    memmove(reloads->items + 1, reloads->items, reloads->count * sizeof reloads->items[0]);
    reloads->items[0] = added;
    reloads->count++;
}

void recent_reloads_free(struct recent_reloads *reloads) {
    while (reloads->count > 0) {
        reload_free(&reloads->items[--reloads->count]);
    }
}
