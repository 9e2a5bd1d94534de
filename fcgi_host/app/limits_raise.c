#include "pool/python/py_compat.h"

#include <pthread.h>
#include <stdlib.h>

#include "fcgi_host/app/limits_internal.h"
#include "fcgi_host/base/log.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/pool.h"
#include "pool/python/interpreter.h"
#include "pool/python/py_error.h"
#include "pool/python/waits.h"

/* `s_changed` tells a serving thread that has ended its request that no exception is being raised
 * in it any more.  The thread must wait for that: only its own lease keeps the generation.  And it
 * tells the thread that raises that the request has ended. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;

/** A thread that was about to wait is woken again: so many times, after 1 ms, 2 ms, 4 ms … */
enum { WAKE_TIMES = 10 };

struct raising {
    struct scoreboard_slot *slot;
    uint64_t sequence; /* the slot's, while the request that is meant runs */
    unsigned long python_ident;
    struct generation *generation;
    const char *exception; /* an attribute of the module fcgi_host */
    bool is_pending;
};

static bool is_running(const struct raising *raising) {
    return atomic_load(&raising->slot->sequence) == raising->sequence;
}

/** The GIL of the request's interpreter is held, so the request cannot end meanwhile. */
static int raise_attached(void *arg, struct error *err) {
    const struct raising *raising = arg;
    PyObject *module = PyImport_ImportModule("fcgi_host");
    PyObject *class = module ? PyObject_GetAttrString(module, raising->exception) : NULL;
    Py_XDECREF(module);
    if (!class) {
        return py_error_take(err);
    }
    if (is_running(raising)) {
        PyThreadState_SetAsyncExc(raising->python_ident, class);
        interpreter_wake(&raising->python_ident, 1, WAITS_FOR_TIME_OR_DATA);
    }
    Py_DECREF(class);
    return 0;
}

/** The same, once the exception is set. */
static int wake_attached(void *arg, struct error *err) {
    struct raising *raising = arg;
    (void)err;
    raising->is_pending = is_running(raising) && interpreter_is_interrupted(raising->python_ident);
    if (raising->is_pending) {
        interpreter_wake(&raising->python_ident, 1, WAITS_FOR_TIME_OR_DATA);
    }
    return 0;
}

/** @return whether the request still runs then */
static bool runs_for(const struct raising *raising, unsigned ms) {
    const struct timespec deadline = clock_deadline(ms);
    int code = 0;
    pthread_mutex_lock(&s_lock);
    while (is_running(raising) && code == 0) {
        code = pthread_cond_clockwait(&s_changed, &s_lock, CLOCK_MONOTONIC, &deadline);
    }
    pthread_mutex_unlock(&s_lock);
    return is_running(raising);
}

/** The thread may have begun a wait just after it was woken: it has not looked at the exception. */
static void wake_until_taken(struct raising *raising) {
    struct error err;
    raising->is_pending = true;
    for (unsigned i = 0; i < WAKE_TIMES && raising->is_pending && runs_for(raising, 1U << i); i++) {
        if (pool_run(raising->generation, wake_attached, raising, &err)) {
            return;
        }
    }
}

bool limits_pin(struct scoreboard_slot *slot, const struct slot_view *view) {
    atomic_fetch_add(&slot->pins, 1);
    if (atomic_load(&slot->sequence) == view->sequence) {
        return true;
    }
    limits_unpin(slot);
    return false;
}

void limits_unpin(struct scoreboard_slot *slot) {
    pthread_mutex_lock(&s_lock);
    atomic_fetch_sub(&slot->pins, 1);
    pthread_cond_broadcast(&s_changed);
    pthread_mutex_unlock(&s_lock);
}

static void *raise_in_thread(void *arg) {
    struct raising *raising = arg;
    struct error err;
    if (pool_run(raising->generation, raise_attached, raising, &err)) {
        log_line(LOG_WARN, "request.timeout", NULL, "cannot raise %s: %s", raising->exception,
                 err.text);
    } else {
        wake_until_taken(raising);
    }
    limits_unpin(raising->slot);
    free(raising);
    return NULL;
}

void limits_raise(struct scoreboard_slot *slot, const struct slot_view *view,
                  const char *exception) {
    struct raising *raising = malloc(sizeof *raising);
    if (!raising) {
        return; /* the request will be found stuck */
    }
    *raising = (struct raising){.slot = slot,
                                .sequence = view->sequence,
                                .python_ident = view->facts.python_ident,
                                .generation = view->facts.generation,
                                .exception = exception};
    if (!limits_pin(slot, view)) {
        free(raising);
    } else if (thread_start(raise_in_thread, raising, "raise", NULL) != 0) {
        limits_unpin(slot);
        free(raising);
    }
}

void limits_withdraw_exception(struct scoreboard_slot *slot) {
    if (atomic_load(&slot->pins) > 0) {
        Py_BEGIN_ALLOW_THREADS;
        pthread_mutex_lock(&s_lock);
        pthread_cond_broadcast(&s_changed);
        while (atomic_load(&slot->pins) > 0) {
            pthread_cond_wait(&s_changed, &s_lock);
        }
        pthread_mutex_unlock(&s_lock);
        Py_END_ALLOW_THREADS;
    }
    interpreter_clear_interrupt();
}
