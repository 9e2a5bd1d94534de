#include "pool/python/py_compat.h"

#include <pthread.h>
#include <stdlib.h>

#include "fcgi_host/app/limits_internal.h"
#include "fcgi_host/base/log.h"
#include "pool/base/thread.h"
#include "pool/pool.h"
#include "pool/python/interpreter.h"
#include "pool/python/py_error.h"

/* `s_unpinned` tells a serving thread that has ended its request that no exception is being raised
 * in it any more.  The thread must wait for that: only its own lease keeps the generation. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_unpinned = PTHREAD_COND_INITIALIZER;

struct request_timeout {
    struct scoreboard_slot *slot;
    uint64_t sequence; /* the slot's, while the request that ran out of time runs */
    unsigned long python_ident;
    struct generation *generation;
};

/** New reference: the exception class of this interpreter, made on first use. */
static PyObject *timeout_class(void) {
    PyObject *module = PyImport_ImportModule("fcgi_host");
    if (!module) {
        return NULL;
    }
    PyObject *class = PyObject_GetAttrString(module, "RequestTimeout");
    if (!class) {
        PyErr_Clear();
        class =
            PyErr_NewExceptionWithDoc("fcgi_host.RequestTimeout",
                                      "The request ran out of its request_timeout_s.", NULL, NULL);
        if (class && PyObject_SetAttrString(module, "RequestTimeout", class)) {
            Py_CLEAR(class);
        }
    }
    Py_DECREF(module);
    return class;
}

/** The GIL of the request's interpreter is held, so the request cannot end meanwhile. */
static int raise_attached(void *arg, struct error *err) {
    const struct request_timeout *timeout = arg;
    PyObject *class = timeout_class();
    if (!class) {
        return py_error_take(err);
    }
    if (atomic_load(&timeout->slot->sequence) == timeout->sequence) {
        PyThreadState_SetAsyncExc(timeout->python_ident, class);
        interpreter_wake(&timeout->python_ident, 1);
    }
    Py_DECREF(class);
    return 0;
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
    pthread_cond_broadcast(&s_unpinned);
    pthread_mutex_unlock(&s_lock);
}

static void *raise_timeout(void *arg) {
    struct request_timeout *timeout = arg;
    struct error err;
    if (pool_run(timeout->generation, raise_attached, timeout, &err)) {
        log_line(LOG_WARN, "request.timeout", NULL, "cannot raise RequestTimeout: %s", err.text);
    }
    limits_unpin(timeout->slot);
    free(timeout);
    return NULL;
}

void limits_raise_timeout(struct scoreboard_slot *slot, const struct slot_view *view) {
    struct request_timeout *timeout = malloc(sizeof *timeout);
    if (!timeout) {
        return; /* the request will be found stuck */
    }
    *timeout = (struct request_timeout){slot, view->sequence, view->facts.python_ident,
                                        view->facts.generation};
    if (!limits_pin(slot, view)) {
        free(timeout);
    } else if (thread_start(raise_timeout, timeout, "timeout", NULL) != 0) {
        limits_unpin(slot);
        free(timeout);
    }
}

void limits_withdraw_timeout(struct scoreboard_slot *slot) {
    if (atomic_load(&slot->pins) > 0) {
        Py_BEGIN_ALLOW_THREADS;
        pthread_mutex_lock(&s_lock);
        while (atomic_load(&slot->pins) > 0) {
            pthread_cond_wait(&s_unpinned, &s_lock);
        }
        pthread_mutex_unlock(&s_lock);
        Py_END_ALLOW_THREADS;
    }
    interpreter_clear_interrupt();
}
