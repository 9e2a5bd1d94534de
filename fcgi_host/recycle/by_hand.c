/* Reloads asked for by hand: `fcgi_host reload`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/recycle/recycle_internal.h"

/** This worker's share of one `fcgi_host reload`, until its last interpreter has answered. */
struct reload_share {
    struct recycle *recycle;
    uint64_t number;
    pthread_mutex_t lock;
    /* @lock: */
    size_t left; /* interpreters, +1 held by recycle_by_hand() while it distributes */
    bool is_kept, needs_worker;
    char why[1024]; /* of the first interpreter that said why; "": none did */
};

/** One interpreter's part of a share. */
struct reload_part {
    struct reload_share *share;
    struct recyclable *recyclable;
};

static void finish_share(struct reload_share *share) {
    enum reload_outcome outcome = share->is_kept        ? RELOAD_OUTCOME_KEPT
                                  : share->needs_worker ? RELOAD_OUTCOME_NEEDS_WORKER
                                                        : RELOAD_OUTCOME_SWITCHED;
    const struct recycle_options *options = &share->recycle->options;
    options->reloaded(options->ctx, share->number, outcome, share->why);
    pthread_mutex_destroy(&share->lock);
    free(share);
}

/** One of those counted in `left` has its result. @param why  NULL: nothing to say */
static void note_result(struct reload_share *share, enum reload_step step, const char *why) {
    pthread_mutex_lock(&share->lock);
    share->is_kept |= step == RELOAD_STEP_KEPT || step == RELOAD_STEP_REFUSED;
    share->needs_worker |= step == RELOAD_STEP_REPLACED;
    if (why && !share->why[0]) {
        snprintf(share->why, sizeof share->why, "%.1023s", why);
    }
    bool is_last = --share->left == 0;
    pthread_mutex_unlock(&share->lock);
    if (is_last) {
        finish_share(share);
    }
}

static void finish_part(void *ctx, const struct reload_event *event) {
    struct reload_part *part = ctx;
    note_result(part->share, event->step, event->err ? event->err->text : NULL);
    atomic_fetch_sub(&part->recyclable->asked, 1);
    free(part);
}

/** Whether one of the interpreter's applications is in `names` (one a line; "": all). */
static bool is_named(const char *names, const struct recyclable *recyclable) {
    if (!names[0]) {
        return true;
    }
    for (size_t i = 0; i < pool_interpreter_app_count(recyclable->interpreter); i++) {
        const char *name = pool_app_name(pool_interpreter_app(recyclable->interpreter, i));
        size_t size = strlen(name);
        for (const char *at = names; (at = strstr(at, name)); at++) {
            if ((at == names || at[-1] == '\n') && (at[size] == '\n' || at[size] == '\0')) {
                return true;
            }
        }
    }
    return false;
}

static void reload_part(struct reload_share *share, struct recyclable *recyclable) {
    char why[RECYCLE_WHY_BYTES] = "out of memory";
    struct reload_part *part = malloc(sizeof *part);
    pthread_mutex_lock(&share->lock);
    share->left++;
    pthread_mutex_unlock(&share->lock);
    if (!part || recycle_strategy(recyclable, why, sizeof why) == STRATEGY_WORKER) {
        free(part);
        note_result(share, RELOAD_STEP_REPLACED, why);
        return;
    }
    *part = (struct reload_part){share, recyclable};
    struct error err;
    atomic_fetch_add(&recyclable->asked, 1);
    if (reload_target_request(recyclable->target, "asked for: fcgi_host reload", finish_part, part,
                              &err) != 0) {
        atomic_fetch_sub(&recyclable->asked, 1);
        free(part);
        note_result(share, RELOAD_STEP_KEPT, err.text);
    }
}

void recycle_by_hand(struct recycle *recycle, uint64_t number, const char *names) {
    struct reload_share *share = calloc(1, sizeof *share);
    if (!share) {
        recycle->options.reloaded(recycle->options.ctx, number, RELOAD_OUTCOME_NEEDS_WORKER,
                                  "out of memory");
        return;
    }
    *share = (struct reload_share){.recycle = recycle, .number = number, .left = 1};
    pthread_mutex_init(&share->lock, NULL);
    pthread_mutex_lock(&recycle->lock);
    bool is_any = false;
    for (struct recyclable *each = recycle->first; each; each = each->next) {
        if (is_named(names, each)) {
            is_any = true;
            reload_part(share, each);
        }
    }
    pthread_mutex_unlock(&recycle->lock);
    /* This worker does not load an application of that name (it was given up): a new one may. */
    note_result(share, is_any ? RELOAD_STEP_SWITCHED : RELOAD_STEP_REPLACED, NULL);
}
