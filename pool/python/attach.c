#include "pool/python/attach.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/python/cpython_repairs.h"

/** How often to look: CPython's own switch interval.  A wait may take twice as long. */
static atomic_uint s_switch_interval_us = 5000;
/** While no thread has the GIL (all wait for something else) the helper looks ever more rarely. */
enum { LOOK_AT_LEAST_EVERY_US = 40000 };
/** The helper sleeps so long after the last thread has detached: waking it costs a system call. */
enum { SLEEP_AFTER_US = 100000 };

static atomic_uint s_attached;
static atomic_bool s_is_asleep;
static atomic_bool s_is_started;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_wake; /* by the monotonic clock */

unsigned attach_switch_interval_us(void) {
    return atomic_load_explicit(&s_switch_interval_us, memory_order_relaxed);
}

void attach_note_switch_interval(unsigned us) {
    atomic_store(&s_switch_interval_us, us);
}

/** No event tells that a thread waits for the GIL: only time can be waited for. */
static void pause_us(unsigned us) {
    struct timespec end = clock_deadline_ns((uint64_t)us * 1000);
    pthread_mutex_lock(&s_lock);
    while (pthread_cond_timedwait(&s_wake, &s_lock, &end) == 0) {
    }
    pthread_mutex_unlock(&s_lock);
}

/** Until a thread is attached. */
static void sleep_until_needed(void) {
    pthread_mutex_lock(&s_lock);
    atomic_store(&s_is_asleep, true);
    /* note_begin() counts up before it looks for a sleeper: one of the two sees the other. */
    while (atomic_load(&s_attached) == 0) {
        pthread_cond_wait(&s_wake, &s_lock);
    }
    atomic_store(&s_is_asleep, false);
    pthread_mutex_unlock(&s_lock);
}

static void *pass_on_requests(void *arg) {
    (void)arg;
    unsigned idle_us = 0, interval_us = attach_switch_interval_us();
    for (;;) {
        if (atomic_load(&s_attached) > 0) {
            idle_us = 0;
        } else if (idle_us >= SLEEP_AFTER_US) {
            sleep_until_needed();
            idle_us = 0;
            interval_us = attach_switch_interval_us();
        }
        pause_us(interval_us);
        idle_us += interval_us;
        bool is_taken = cpython_pass_on_gil_request();
        interval_us = is_taken ? attach_switch_interval_us() : interval_us * 2;
        if (interval_us > LOOK_AT_LEAST_EVERY_US) {
            interval_us = LOOK_AT_LEAST_EVERY_US;
        }
    }
    return NULL;
}

int attach_start_helper(struct error *err) {
    if (!PY_GIL_REQUESTS_GET_LOST || atomic_exchange(&s_is_started, true)) {
        return 0;
    }
    int failure = clock_cond_init(&s_wake);
    if (failure) {
        return error_set_errno(err, failure, "a condition variable");
    }
    return thread_start(pass_on_requests, NULL, "gil", err);
}

/** A thread of the host is about to attach: the helper wakes. */
static void note_begin(void) {
    if (PY_GIL_REQUESTS_GET_LOST) {
        atomic_fetch_add(&s_attached, 1);
        if (atomic_load(&s_is_asleep)) {
            pthread_mutex_lock(&s_lock);
            pthread_cond_signal(&s_wake);
            pthread_mutex_unlock(&s_lock);
        }
    }
}

void attach_note_end(void) {
    if (PY_GIL_REQUESTS_GET_LOST) {
        atomic_fetch_sub(&s_attached, 1);
    }
}

void attach_begin(PyThreadState *tstate) {
    note_begin();
    PyEval_AcquireThread(tstate);
}

void attach_end(void) {
    PyEval_SaveThread();
    attach_note_end();
}

void attach_end_and_delete(PyThreadState *tstate) {
    PyThreadState_Clear(tstate);
    PyThreadState_DeleteCurrent();
    attach_note_end();
}
