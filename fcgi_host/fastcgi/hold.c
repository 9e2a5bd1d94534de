#include "fcgi_host/fastcgi/hold.h"

#include <assert.h>
#include <pthread.h>

enum phase { HOLD_BUSY, HOLD_FREE, HOLD_WAITING, HOLD_LOOKED_AT, HOLD_TAKEN, PHASE_MASK = 7 };
enum { PHASE_BITS = 3 };

/* Held during a look: what a serving thread that comes meanwhile waits for. */
static pthread_mutex_t s_looking = PTHREAD_MUTEX_INITIALIZER;

static enum phase phase_of(uint64_t state) {
    return (enum phase)(state & PHASE_MASK);
}

static uint64_t with_phase(uint64_t state, enum phase phase) {
    return (state & ~(uint64_t)PHASE_MASK) | (uint64_t)phase;
}

/* ---- The serving thread ---- */

void hold_begin(struct request_hold *hold, struct request *request, uint64_t number,
                const char *line) {
    hold->line = line;
    atomic_store_explicit(&hold->has_peer_event, false, memory_order_relaxed);
    atomic_store_explicit(&hold->request, request, memory_order_relaxed);
    atomic_store_explicit(&hold->state, number << PHASE_BITS | HOLD_BUSY, memory_order_release);
}

bool hold_enter(struct request_hold *hold) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_relaxed);
    for (;;) {
        enum phase phase = phase_of(state);
        if (phase == HOLD_LOOKED_AT) {
            pthread_mutex_lock(&s_looking);
            pthread_mutex_unlock(&s_looking);
            state = atomic_load_explicit(&hold->state, memory_order_relaxed);
        } else if (phase != HOLD_FREE) {
            assert(phase == HOLD_TAKEN);
            return false;
        } else if (atomic_compare_exchange_weak_explicit(
                       &hold->state, &state, with_phase(state, HOLD_BUSY), memory_order_acquire,
                       memory_order_relaxed)) {
            return true;
        }
    }
}

/* Nobody else changes the state while it is BUSY. */
static void leave_busy(struct request_hold *hold, enum phase phase) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_relaxed);
    if (phase_of(state) == HOLD_BUSY) {
        atomic_store_explicit(&hold->state, with_phase(state, phase), memory_order_release);
    }
}

void hold_leave(struct request_hold *hold) {
    leave_busy(hold, HOLD_FREE);
}

void hold_wait(struct request_hold *hold) {
    leave_busy(hold, HOLD_WAITING);
}

bool hold_resume(struct request_hold *hold) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_relaxed);
    return phase_of(state) == HOLD_WAITING &&
           atomic_compare_exchange_strong_explicit(&hold->state, &state,
                                                   with_phase(state, HOLD_BUSY),
                                                   memory_order_acquire, memory_order_relaxed);
}

bool hold_end(struct request_hold *hold) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_relaxed);
    return phase_of(state) == HOLD_BUSY || hold_enter(hold);
}

/* ---- The second thread ---- */

/* The request is read before the state is changed: if that succeeds, both are of one request. */
static enum hold_outcome change(struct request_hold *hold, uint64_t number, bool from_waiting,
                                enum phase to, struct request **ret_request) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_acquire);
    for (;;) {
        enum phase phase = phase_of(state);
        if (state >> PHASE_BITS != number || phase == HOLD_TAKEN) {
            return HOLD_HAS_ENDED;
        }
        if (phase == HOLD_WAITING && !from_waiting) {
            return HOLD_WATCHES;
        }
        if (phase != HOLD_FREE && phase != HOLD_WAITING) {
            return HOLD_IN_USE;
        }
        struct request *request = atomic_load_explicit(&hold->request, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&hold->state, &state, with_phase(state, to),
                                                  memory_order_acq_rel, memory_order_acquire)) {
            *ret_request = request;
            return HOLD_IS_MINE;
        }
    }
}

enum hold_outcome hold_take(struct request_hold *hold, uint64_t number,
                            struct request **ret_request) {
    return change(hold, number, true, HOLD_TAKEN, ret_request);
}

enum hold_outcome hold_look(struct request_hold *hold, uint64_t number,
                            struct request **ret_request) {
    pthread_mutex_lock(&s_looking);
    enum hold_outcome outcome = change(hold, number, false, HOLD_LOOKED_AT, ret_request);
    if (outcome != HOLD_IS_MINE) {
        pthread_mutex_unlock(&s_looking);
    }
    return outcome;
}

void hold_look_end(struct request_hold *hold) {
    uint64_t state = atomic_load_explicit(&hold->state, memory_order_relaxed);
    atomic_store_explicit(&hold->state, with_phase(state, HOLD_FREE), memory_order_release);
    pthread_mutex_unlock(&s_looking);
}
