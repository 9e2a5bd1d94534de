#include "fcgi_host/supervisor/recent_reloads.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void reload_free(struct recent_reload *reload) {
    free(reload->process);
    free(reload->app);
}

/** Whether the same has happened in another worker, just before. */
static bool is_same(const struct recent_reload *one, const struct recent_reload *other) {
    return one->last_worker && other->last_worker && one->last_worker != other->last_worker &&
           other->ended_ms - one->ended_ms <= RECENT_TOGETHER_MS &&
           one->ending.outcome == other->ending.outcome &&
           strcmp(one->process, other->process) == 0 && strcmp(one->app, other->app) == 0 &&
           strcmp(one->ending.cause, other->ending.cause) == 0 &&
           strcmp(one->ending.why, other->ending.why) == 0;
}

static void join(struct recent_reload *one, const struct recent_reload *other) {
    one->workers++;
    one->last_worker = other->last_worker;
    if (other->ending.total_ms > one->ending.total_ms) {
        one->ending.total_ms = other->ending.total_ms;
    }
    if (strcmp(one->ending.verdict, "clean") == 0) {
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
    added.workers = reload->last_worker ? 1 : 0;
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
