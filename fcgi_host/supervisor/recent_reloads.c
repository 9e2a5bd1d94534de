#include "fcgi_host/supervisor/recent_reloads.h"

#include <stdlib.h>
#include <string.h>

static void reload_free(struct recent_reload *reload) {
    free(reload->process);
    free(reload->app);
}

void recent_reloads_add(struct recent_reloads *reloads, const char *process, const char *app,
                        const struct reload_ending *ending, uint64_t now_ms) {
    struct recent_reload reload = {
        .process = strdup(process),
        .app = strdup(app),
        .ending = *ending,
        .ended_ms = now_ms,
    };
    if (!reload.process || !reload.app) {
        reload_free(&reload);
        return;
    }
    if (reloads->count == RECENT_RELOADS) {
        reload_free(&reloads->items[--reloads->count]);
    }
    memmove(reloads->items + 1, reloads->items, reloads->count * sizeof reloads->items[0]);
    reloads->items[0] = reload;
    reloads->count++;
}

void recent_reloads_free(struct recent_reloads *reloads) {
    while (reloads->count > 0) {
        reload_free(&reloads->items[--reloads->count]);
    }
}
