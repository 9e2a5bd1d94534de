#include "fcgi_host/recycle/errands.h"

#include <stdlib.h>

#include "fcgi_host/recycle/looks.h"
#include "fcgi_host/recycle/spares.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    /** While a lock is held for longer than a moment. */
    AGAIN_MS = 10,
};

static const struct errand *const s_kinds[] = {&looks_errand, &spares_errand};

struct errands {
    struct recycle *recycle;
    pthread_cond_t changed; /**< with recycle->lock */
    bool is_running;        /**< its thread; @lock recycle->lock */
    bool is_dismissed;      /**< @lock recycle->lock */
};

struct errands *errands_new(struct recycle *recycle) {
    struct errands *errands = calloc(1, sizeof *errands);
    if (errands && clock_cond_init(&errands->changed) != 0) {
        free(errands);
        return NULL;
    }
    if (errands) {
        errands->recycle = recycle;
    }
    return errands;
}

void errands_dismiss(struct errands *errands) {
    if (errands) {
        pthread_mutex_lock(&errands->recycle->lock);
        errands->is_dismissed = true;
        pthread_cond_signal(&errands->changed);
        pthread_mutex_unlock(&errands->recycle->lock);
    }
}

bool errands_are_over_locked(const struct errands *errands) {
    return !errands || errands->is_dismissed;
}

void errand_done_locked(struct recyclable *recyclable) {
    struct recycle *recycle = recyclable->recycle;
    pthread_mutex_unlock(&recycle->lock);
    reload_target_let_go(recyclable->target); /* the recyclable may be freed from here on */
    pthread_mutex_lock(&recycle->lock);
}

/** @param[out] ret_next_ns  of what is not due yet, if that is sooner
 *  @return whether it is due, and the target is held  @lock recycle->lock held */
static bool hold_if_due_locked(const struct errand *kind, struct recyclable *recyclable,
                               uint64_t *ret_next_ns) {
    uint64_t now_ns = clock_now_ns(), due_ns = kind->due_ns(recyclable);
    bool is_again = false;
    /* Imports take recycle->lock with the GIL: nothing waits for files to be read here. */
    if (due_ns <= now_ns && reload_target_try_hold(recyclable->target, &is_again)) {
        return true;
    }
    if (is_again) {
        due_ns = now_ns + AGAIN_MS * CLOCK_NS_PER_MS;
    } else if (due_ns <= now_ns) {
        kind->miss_locked(recyclable);
        due_ns = kind->due_ns(recyclable);
    }
    *ret_next_ns = due_ns < *ret_next_ns ? due_ns : *ret_next_ns;
    return false;
}

/** @return whether one was run; else the next is due at *ret_next_ns
 *  @lock recycle->lock held, let go meanwhile */
static bool run_one_locked(const struct errands *errands, uint64_t *ret_next_ns) {
    *ret_next_ns = UINT64_MAX;
    for (struct recyclable *each = errands->recycle->first; each; each = each->next) {
        for (size_t i = 0; i < sizeof s_kinds / sizeof s_kinds[0]; i++) {
            if (hold_if_due_locked(s_kinds[i], each, ret_next_ns)) {
                s_kinds[i]->run_held_locked(each);
                return true;
            }
        }
    }
    return false;
}

static void *run(void *arg) {
    struct errands *errands = arg;
    struct recycle *recycle = errands->recycle;
    uint64_t next_ns;
    pthread_mutex_lock(&recycle->lock);
    while (!errands->is_dismissed) {
        if (run_one_locked(errands, &next_ns)) {
            continue;
        }
        if (next_ns == UINT64_MAX) {
            pthread_cond_wait(&errands->changed, &recycle->lock);
        } else {
            struct timespec until = clock_timespec(next_ns);
            pthread_cond_timedwait(&errands->changed, &recycle->lock, &until);
        }
    }
    spares_give_all_back_locked(recycle);
    errands->is_running = false;
    pthread_mutex_unlock(&recycle->lock);
    return NULL;
}

void errands_wake_locked(struct errands *errands) {
    if (!errands_are_over_locked(errands)) {
        if (!errands->is_running) {
            errands->is_running = thread_start(run, errands, "errands", NULL) == 0;
        }
        pthread_cond_signal(&errands->changed);
    }
}
