#include "fcgi_host/fastcgi/deference.h"

#include <sched.h>
#include <unistd.h>

/** From this number on requests in hand are "several": one is at work, the next one waits. */
enum { SEVERAL = 2 };

static void set_policy(struct deference *deference, int policy) {
    const struct sched_param param = {.sched_priority = 0};
    if (sched_setscheduler(deference->thread, policy, &param) != 0) {
        atomic_store(&deference->is_allowed, false);
    }
}

void deference_init(struct deference *deference, atomic_uint *in_hand) {
    deference->in_hand = in_hand;
}

void deference_start(struct deference *deference) {
    deference->thread = gettid();
    /* A thread to which an administrator has given another policy keeps that policy. */
    atomic_store(&deference->is_allowed, sched_getscheduler(0) == SCHED_OTHER);
}

void deference_begin(struct deference *deference) {
    atomic_fetch_add_explicit(deference->in_hand, 1, memory_order_relaxed);
}

void deference_end(struct deference *deference) {
    if (atomic_fetch_sub(deference->in_hand, 1) == SEVERAL &&
        atomic_load(&deference->is_deferring) && atomic_exchange(&deference->is_deferring, false)) {
        set_policy(deference, SCHED_OTHER);
    }
}

void deference_update(struct deference *deference) {
    if (atomic_load_explicit(deference->in_hand, memory_order_relaxed) < SEVERAL ||
        atomic_load_explicit(&deference->is_deferring, memory_order_relaxed) ||
        !atomic_load_explicit(&deference->is_allowed, memory_order_relaxed)) {
        return;
    }
    atomic_store(&deference->is_deferring, true);
    set_policy(deference, SCHED_BATCH);
    /* The thread that ended the last request but one may have run before the line above and have
     * seen nothing to undo. */
    if (atomic_load(deference->in_hand) < SEVERAL) {
        atomic_store(&deference->is_deferring, false);
        set_policy(deference, SCHED_OTHER);
    }
}
