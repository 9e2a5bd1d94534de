#include "fcgi_host/recycle/spares.h"
#include "fcgi_host/recycle/looks.h"
#include "fcgi_host/recycle/spare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "pool/base/clock.h"

enum {
    /** After a reload, or a late import, before a spare is made: another may follow. */
    SETTLE_MS = 300,
    /** After memory was short, none is made for so long. */
    SHORT_MS = 60000,
    /** How often an edit ends the making; after that it must wait for it. */
    INTERRUPTIONS_MAX = 3,
};

static const char s_waits_for_memory[] = "memory was short: none is made for a minute";

static void note_library(void *ctx, struct pool_interpreter *interpreter);

void spares_begin(struct recycle *recycle) {
    const struct wsgi_preload_hook hook = {
        .is_wanted = spare_is_wanted, .came = note_library, .ctx = recycle};
    wsgi_set_preload_hook(&hook);
}

/* ---- One spare ---- */

static void set_why_locked(struct spare *spare, const char *why) {
    snprintf(spare->why, sizeof spare->why, "%s", why);
}

int spare_new(struct recyclable *recyclable, struct error *err) {
    struct spare settings = {.mode = SPARE_OFF, .given_back_ns = UINT64_MAX};
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        const struct app_config *config = recycle_application(recyclable, i)->config;
        bool is_on = config->spare == SPARE_ON || (config->spare == SPARE_AUTO && config->dev);
        if (is_on) {
            settings.mode = SPARE_ON;
        } else if (config->spare == SPARE_AUTO && settings.mode == SPARE_OFF) {
            settings.mode = SPARE_AUTO;
        }
        uint64_t idle_ms = (uint64_t)config->spare_idle_s * 1000;
        settings.idle_ms = idle_ms > settings.idle_ms ? idle_ms : settings.idle_ms;
    }
    if (!recyclable->check || !recyclable->recycle->errands || settings.mode == SPARE_OFF ||
        recyclable->recycle->options.makes_no_spares ||
        recycle_application(recyclable, 0)->is_script) {
        return 0;
    }
    recyclable->spare = malloc(sizeof settings);
    if (!recyclable->spare) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *recyclable->spare = settings;
    snprintf(recyclable->spare->why, sizeof recyclable->spare->why, "%s",
             settings.mode == SPARE_ON ? "not made yet" : "nothing has been edited yet");
    return 0;
}

void spare_free(struct spare *spare) {
    if (spare) {
        free(spare->memory.bytes);
        free(spare->list.bytes);
        free(spare);
    }
}

/** @lock recycle->lock held */
static void want_locked(struct recyclable *recyclable) {
    struct spare *spare = recyclable->spare;
    if (spare->colds < SPARE_COLD_MAX) {
        uint64_t due_ns = clock_now_ns() + SETTLE_MS * CLOCK_NS_PER_MS;
        uint64_t rests_until_ns = recyclable->recycle->spares_rest_until_ns;
        spare->is_wanted = true;
        spare->due_ns = due_ns > rests_until_ns ? due_ns : rests_until_ns;
        if (rests_until_ns > due_ns) {
            set_why_locked(spare, s_waits_for_memory);
        }
        errands_wake_locked(recyclable->recycle->errands);
    }
}

void spares_note_loaded(struct recyclable *recyclable) {
    struct spare *spare = recyclable->spare;
    if (spare && spare->mode == SPARE_ON) {
        pthread_mutex_lock(&recyclable->recycle->lock);
        want_locked(recyclable);
        pthread_mutex_unlock(&recyclable->recycle->lock);
    }
}

/** Loading has failed without the spare, too, which was not the reason then. */
static void note_kept(struct recyclable *recyclable) {
    pthread_mutex_lock(&recyclable->recycle->lock);
    if (recyclable->spare->colds > 0) {
        recyclable->spare->colds--;
    }
    pthread_mutex_unlock(&recyclable->recycle->lock);
}

void spares_note_step(struct recyclable *recyclable, enum reload_step step) {
    struct spare *spare = recyclable->spare;
    if (spare && step == RELOAD_STEP_KEPT) {
        note_kept(recyclable);
    }
    if (!spare || (step != RELOAD_STEP_SETTLED && step != RELOAD_STEP_SWITCHED)) {
        return;
    }
    pthread_mutex_lock(&recyclable->recycle->lock);
    if (spare->modules > 0 && !pool_has_spare(recyclable->interpreter)) { /* it has been used */
        spare->modules = spare->colds = 0;
        set_why_locked(spare, "used by the last reload: the next one is not made yet");
    }
    if (step == RELOAD_STEP_SWITCHED && spare->colds >= SPARE_COLD_MAX &&
        ++spare->rested > SPARE_REST) { /* the first was with the last that did not fit */
        spare->colds = SPARE_COLD_MAX - 1;
        spare->rested = 0;
    }
    spare->given_back_ns =
        spare->mode == SPARE_ON ? UINT64_MAX : clock_now_ns() + spare->idle_ms * CLOCK_NS_PER_MS;
    spare->given_back_why = "given back: nothing was edited for spare_idle_s";
    if (step == RELOAD_STEP_SETTLED) {
        want_locked(recyclable);
    }
    pthread_mutex_unlock(&recyclable->recycle->lock);
}

void spares_memory_is_short(struct recycle *recycle) {
    pthread_mutex_lock(&recycle->lock);
    uint64_t now_ns = clock_now_ns();
    recycle->spares_rest_until_ns = now_ns + SHORT_MS * CLOCK_NS_PER_MS;
    for (struct recyclable *each = recycle->first; each; each = each->next) {
        struct spare *spare = each->spare;
        if (spare && spare->modules > 0) {
            spare->is_wanted = false;
            spare->given_back_ns = now_ns;
            spare->given_back_why = "given back: memory was short";
            errands_wake_locked(recycle->errands);
        } else if (spare && spare->is_wanted) {
            spare->due_ns = recycle->spares_rest_until_ns;
            set_why_locked(spare, s_waits_for_memory);
        }
    }
    pthread_mutex_unlock(&recycle->lock);
}

/* ---- What Python tells: wsgi_preload_hook ---- */

bool spare_is_wanted(void *ctx, struct pool_interpreter *interpreter) {
    struct recycle *recycle = ctx;
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = recycle_find_locked(recycle, interpreter);
    bool is_wanted = recyclable && !errands_are_over_locked(recycle->errands) &&
                     (recyclable->spare->interruptions >= INTERRUPTIONS_MAX ||
                      !reload_target_has_news(recyclable->target));
    pthread_mutex_unlock(&recycle->lock);
    return is_wanted;
}

static void note_library(void *ctx, struct pool_interpreter *interpreter) {
    struct recycle *recycle = ctx;
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = recycle_find_locked(recycle, interpreter);
    if (recyclable) {
        looks_note_library_locked(recyclable);
    }
    if (recyclable && recyclable->spare) {
        struct spare *spare = recyclable->spare;
        bool is_there = spare->modules > 0;
        spare->is_outdated = true;
        if (is_there || spare->is_wanted) {
            want_locked(recyclable);
        }
    }
    pthread_mutex_unlock(&recycle->lock);
}

/* ---- Making ---- */

static void log_ready(struct recyclable *recyclable) {
    const struct spare *spare = recyclable->spare;
    const struct log_about about = {.app = recycle_application(recyclable, 0)->config->name};
    log_line(LOG_INFO, "spare.ready", &about, "%u modules imported in advance, %.0f ms, %u MiB%s%s",
             spare->modules, spare->ms, (unsigned)(spare->bytes >> 20),
             *spare->left_out ? "; " : "", spare->left_out);
}

/** @lock recycle->lock held, let go meanwhile */
static void make_held_locked(struct recyclable *recyclable) {
    struct recycle *recycle = recyclable->recycle;
    struct spare *spare = recyclable->spare;
    struct error err;
    spare->is_wanted = spare->is_outdated = false;
    pthread_mutex_unlock(&recycle->lock);
    int outcome = spare_make(recyclable, &err);
    pthread_mutex_lock(&recycle->lock);
    spare->modules = outcome == 0 ? spare->modules : 0;
    bool was_interrupted = outcome != 0 && (err.code == ERR_BUSY || err.code == ERR_CLOSED);
    spare->interruptions = was_interrupted ? spare->interruptions + 1 : 0;
    set_why_locked(spare, outcome == 0 ? "" : err.text);
    pthread_mutex_unlock(&recycle->lock);
    if (outcome == 0) {
        log_ready(recyclable);
    }
    pthread_mutex_lock(&recycle->lock);
    errand_done_locked(recyclable);
}

/* ---- The errand ---- */

/** @lock recycle->lock held, let go meanwhile */
static void give_back_held_locked(struct recyclable *recyclable) {
    struct recycle *recycle = recyclable->recycle;
    const char *why = recyclable->spare->given_back_why;
    recyclable->spare->modules = 0;
    set_why_locked(recyclable->spare, why);
    pthread_mutex_unlock(&recycle->lock);
    spare_give_back(recyclable);
    const struct log_about about = {.app = recycle_application(recyclable, 0)->config->name};
    log_line(LOG_INFO, "spare.returned", &about, "%s", why);
    pthread_mutex_lock(&recycle->lock);
    errand_done_locked(recyclable);
}

static uint64_t due_ns(const struct recyclable *recyclable) {
    const struct spare *spare = recyclable->spare;
    return !spare               ? UINT64_MAX
           : spare->is_wanted   ? spare->due_ns
           : spare->modules > 0 ? spare->given_back_ns
                                : UINT64_MAX;
}

static void run_held_locked(struct recyclable *recyclable) {
    if (recyclable->spare->is_wanted) {
        make_held_locked(recyclable);
    } else {
        give_back_held_locked(recyclable);
    }
}

/** RELOAD_STEP_SETTLED sets both again. */
static void miss_locked(struct recyclable *recyclable) {
    recyclable->spare->is_wanted = false;
    recyclable->spare->given_back_ns = UINT64_MAX;
}

const struct errand spares_errand = {
    .due_ns = due_ns, .run_held_locked = run_held_locked, .miss_locked = miss_locked};

void spares_give_all_back_locked(struct recycle *recycle) {
    for (struct recyclable *each = recycle->first; each;) {
        struct generation *spare = pool_spare_take(each->interpreter);
        if (!spare) {
            each = each->next;
            continue;
        }
        pthread_mutex_unlock(&recycle->lock);
        pool_discard(spare);
        pthread_mutex_lock(&recycle->lock);
        each = recycle->first;
    }
}
