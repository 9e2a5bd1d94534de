#include <Python.h>

#include <pthread.h>
#include <stdlib.h>

#include "fcgi_host/app/limits_internal.h"
#include "fcgi_host/base/log.h"
#include "pool/pool.h"
#include "pool/python/py_error.h"

/* A serving thread that ends its request while someone raises in it waits for that to be over:
 * the lease that keeps the generation is its own. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_unpinned = PTHREAD_COND_INITIALIZER;

struct raise {
    struct scoreboard_slot *slot;
    uint64_t sequence; /* of the request that ran out of time */
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

/** With the GIL of the request's interpreter, so that the request cannot end meanwhile. */
static int raise_attached(void *arg, struct error *err) {
    const struct raise *raise = arg;
    PyObject *class = timeout_class();
    if (!class) {
        return py_error_take(err);
    }
    if (atomic_load(&raise->slot->sequence) == raise->sequence) {
        PyThreadState_SetAsyncExc(raise->python_ident, class);
    }
    Py_DECREF(class);
    return 0;
}

static void unpin(struct scoreboard_slot *slot) {
    pthread_mutex_lock(&s_lock);
    atomic_fetch_sub(&slot->pins, 1);
    pthread_cond_broadcast(&s_unpinned);
    pthread_mutex_unlock(&s_lock);
}

static void *run(void *arg) {
    struct raise *raise = arg;
    struct error err;
    if (pool_run(raise->generation, raise_attached, raise, &err)) {
        log_line(LOG_WARN, "request.timeout", NULL, "cannot raise RequestTimeout: %s", err.text);
    }
    unpin(raise->slot);
    free(raise);
    return NULL;
}

void limits_raise(struct scoreboard_slot *slot, const struct slot_view *view) {
    pthread_t thread;
    struct raise *raise = malloc(sizeof *raise);
    if (!raise) {
        return; /* it will be found stuck */
    }
    *raise = (struct raise){slot, view->sequence, view->python_ident, view->generation};
    atomic_fetch_add(&slot->pins, 1);
    if (atomic_load(&slot->sequence) != view->sequence ||
        pthread_create(&thread, NULL, run, raise)) {
        unpin(slot);
        free(raise);
        return;
    }
    pthread_detach(thread);
}

void limits_withdraw(struct scoreboard_slot *slot, unsigned long python_ident) {
    if (atomic_load(&slot->pins) > 0) {
        Py_BEGIN_ALLOW_THREADS;
        pthread_mutex_lock(&s_lock);
        while (atomic_load(&slot->pins) > 0) {
            pthread_cond_wait(&s_unpinned, &s_lock);
        }
        pthread_mutex_unlock(&s_lock);
        Py_END_ALLOW_THREADS;
    }
    PyThreadState_SetAsyncExc(python_ident, NULL);
}
