/**
 * What the WSGI side keeps per interpreter, per loaded application and per serving thread.
 *
 * Nothing of Python is reachable from a C variable: the state hangs on the module `fcgi_host` of
 * its interpreter, and a thread's `struct wsgi_current` holds C pointers that are valid while it
 * runs a request (so that this host passes its own check for stale extension state).
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_STATE_H
#define FCGI_HOST_WSGI_STATE_H

#include "pool/python/py_compat.h"

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/wsgi/environ.h"

struct exchange;

/** Module state of `fcgi_host`.  References are owned by the module. */
struct wsgi_state {
    PyTypeObject *exchange_type, *input_type, *errors_type, *file_wrapper_type;
    struct environ_cache *environ_cache;
    PyObject *retire_callbacks; /**< list, in the order of on_retire() */
    PyObject *setup, *import;   /**< the embedded modules application_setup, application_import */

    /* What info() tells. */
    PyObject *interpreter, *generation, *gil, *version;
    struct pool_interpreter *place; /**< the named interpreter that this is a generation of */
    uint64_t generation_number;
    PyObject *only_app; /**< the application's name when the interpreter has just one, else None */

    /* Interned names. */
    PyObject *str_close, *str_fileno, *str_read, *str_tell;
};

/** One application in one generation: what the pool's load hook returns. */
struct wsgi_loaded {
    struct wsgi_state *state; /**< lasts as long as the interpreter */
    PyObject *callable;       /**< PEP 3333's application object */
    PyObject *environ;        /**< what environ starts from: every key that is the same each time */
    struct application *application;
    uint64_t generation;
};

/** What the calling thread is doing.  All NULL on a thread that serves no request. */
struct wsgi_current {
    const struct application *application; /**< also while it is being loaded */
    uint64_t generation;
    struct exchange *exchange; /**< borrowed from the running request */
    char *errors_text;         /**< an unfinished line of wsgi.errors; malloc'ed */
    size_t errors_bytes;
};
struct wsgi_current *wsgi_current(void);

/** How log lines of this thread say what they are about. The result points into `current`. */
struct log_about wsgi_about(const struct wsgi_current *current);

/** The state of the interpreter's first `fcgi_host` module, or NULL with an exception. */
struct wsgi_state *wsgi_state_get(void);

/** The state of the module that defined `type`; only for this module's own, final types. */
static inline struct wsgi_state *wsgi_state_of_type(PyTypeObject *type) {
    return PyType_GetModuleState(type);
}

/** The process's version string, set by wsgi_set_process(). */
const char *wsgi_process_version(void);
bool wsgi_process_is_multi(void);

/**
 * Make a loaded application of a callable. @return NULL with an exception
 * @owns the caller: wsgi_loaded_free()
 */
struct wsgi_loaded *wsgi_loaded_new(struct wsgi_state *state, PyObject *callable,
                                    struct application *application, uint64_t generation);
void wsgi_loaded_free(struct wsgi_loaded *loaded);

#endif
