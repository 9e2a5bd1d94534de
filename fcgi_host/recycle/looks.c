#include "fcgi_host/recycle/looks.h"

#include "fcgi_host/link/channel.h"
#include "pool/base/clock.h"

enum {
    /** After the second look; each further interval is twice as long. */
    FIRST_INTERVAL_MS = 1000,
    LONGEST_INTERVAL_MS = 1024 * FIRST_INTERVAL_MS,
};

/* ---- When ---- */

/** @lock recycle->lock held */
static void want_locked(struct recyclable *recyclable, uint64_t due_ns) {
    if (recyclable->check && !recyclable->look.is_over) {
        recyclable->look.due_ns = due_ns;
        errands_wake_locked(recyclable->recycle->errands);
    }
}

void recycle_note_request(struct recycle *recycle, struct application *application) {
    if (!recycle || atomic_exchange(&application->is_look_due, true)) {
        return;
    }
    const struct pool_interpreter *interpreter = pool_app_interpreter(application->pool_app);
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = recycle_find_locked(recycle, interpreter);
    if (recyclable && recyclable->look.due_ns == 0) {
        want_locked(recyclable, clock_now_ns() + recyclable->look.interval_ms * CLOCK_NS_PER_MS);
    }
    pthread_mutex_unlock(&recycle->lock);
}

void looks_note_library_locked(struct recyclable *recyclable) {
    recyclable->look.interval_ms = 0;
    want_locked(recyclable, clock_now_ns() + FIRST_INTERVAL_MS * CLOCK_NS_PER_MS);
}

/** From now on a request counts. @lock recycle->lock held */
static void let_requests_tell_locked(const struct recyclable *recyclable) {
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        atomic_store(&recycle_application(recyclable, i)->is_look_due, false);
    }
}

void looks_note_switched(struct recyclable *recyclable) {
    pthread_mutex_lock(&recyclable->recycle->lock);
    recyclable->look.interval_ms = 0;
    recyclable->look.due_ns = 0;
    let_requests_tell_locked(recyclable);
    pthread_mutex_unlock(&recyclable->recycle->lock);
}

/* ---- Looking ---- */

/** Requests import extensions, too, and do not look whether their files were replaced. */
static int check(struct recyclable *recyclable, struct generation *serving, bool *ret_is_shared,
                 struct error *ret_found) {
    if (recycle_check_files(recyclable, serving, ret_found) != 0) {
        recycle_reload_if_outdated(recyclable);
    }
    return recycle_check_serving(recyclable, serving, ret_is_shared, ret_found);
}

/** @return whether something was found that this process is not to go on with */
static bool look(struct recyclable *recyclable) {
    struct error found;
    bool is_shared;
    struct generation *serving = pool_hold_current(recyclable->interpreter);
    int outcome = serving ? check(recyclable, serving, &is_shared, &found) : 0;
    if (serving) {
        generation_let_go(serving);
    }
    if (outcome == 0 || found.code != ERR_FAILED ||
        recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER)) {
        return false;
    }
    if (recycle_refuses_stale(recyclable, &found)) { /* a reload by hand ends that */
        if (is_shared) {
            recycle_refuse(recyclable, &found);
        }
        return is_shared;
    }
    return recycle_ask_move(recyclable, is_shared, found.text);
}

/* ---- The errand ---- */

static uint64_t due_ns(const struct recyclable *recyclable) {
    return recyclable->look.due_ns ? recyclable->look.due_ns : UINT64_MAX;
}

static void run_held_locked(struct recyclable *recyclable) {
    struct recycle *recycle = recyclable->recycle;
    uint64_t interval_ms = 2 * recyclable->look.interval_ms;
    interval_ms = interval_ms < FIRST_INTERVAL_MS ? FIRST_INTERVAL_MS : interval_ms;
    recyclable->look.interval_ms =
        interval_ms < LONGEST_INTERVAL_MS ? interval_ms : LONGEST_INTERVAL_MS;
    recyclable->look.due_ns = 0;
    let_requests_tell_locked(recyclable); /* what comes while it looks may be missed */
    pthread_mutex_unlock(&recycle->lock);
    bool is_over = look(recyclable);
    pthread_mutex_lock(&recycle->lock);
    recyclable->look.is_over |= is_over;
    errand_done_locked(recyclable);
}

/** It has just been loaded, or is reloaded: then another generation begins anew. */
static void miss_locked(struct recyclable *recyclable) {
    recyclable->look.due_ns = clock_now_ns() + FIRST_INTERVAL_MS * CLOCK_NS_PER_MS;
}

const struct errand looks_errand = {
    .due_ns = due_ns, .run_held_locked = run_held_locked, .miss_locked = miss_locked};
