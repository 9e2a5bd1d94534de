/**
 * What the WSGI side keeps for each process, interpreter and serving thread.
 *
 * No Python object is reachable from a C variable: the state of an interpreter hangs on its module
 * `fcgi_host`, and a thread's `struct wsgi_current` holds C pointers that are valid while the
 * thread runs a request (so that this host passes its own check for stale extension state).
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_STATE_H
#define FCGI_HOST_WSGI_STATE_H

#include "pool/python/py_compat.h"

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/wsgi/wsgi.h"

struct environ_cache;
struct exchange;

/** Module state of `fcgi_host`.  References are owned by the module. */
struct wsgi_state {
    PyTypeObject *exchange_type, *input_type, *errors_type, *file_wrapper_type;
    struct environ_cache *environ_cache;
    PyObject *retire_callbacks;                  /**< list, in the order of on_retire() */
    PyObject *setup, *process, *import;          /**< the embedded modules application_… */
    PyObject *libraries_module, *preload_module; /**< the same; the latter may be NULL */
    PyObject *libraries, *preload; /**< Libraries; Preload, NULL: nothing imported in advance */
    PyObject *request_timeout, *client_gone; /**< exception classes; NULL until they are needed */
    PyObject *log_handler;                   /**< the class; NULL until it is needed */

    /* What info() tells. */
    PyObject *interpreter, *generation, *gil, *version;
    struct pool_interpreter *place; /**< the named interpreter that this is a generation of */
    PyObject *only_app; /**< the application's name when the interpreter has just one, else None */

    bool has_refused;     /**< wsgi_note_refusal() */
    bool has_begun;       /**< preload_begin() */
    bool is_preparing;    /**< wsgi_preload_prepare(): what is read then is told when it is used */
    bool is_set_up_ahead; /**< wsgi_setup_ahead(), not yet wsgi_setup() */

    /* Interned names. */
    PyObject *str_close, *str_fileno, *str_read, *str_tell;
};

/** The state of the interpreter's first `fcgi_host` module, or NULL with an exception. */
struct wsgi_state *wsgi_state_get(void);

/** Let this module, which has just been made, be the one that wsgi_state_get() finds, unless the
 *  interpreter has one already. @return 0, or -1 with an exception */
int wsgi_state_keep_first(PyObject *module);

/** The state of the module that defined `type`; only for this module's own, final types. */
static inline struct wsgi_state *wsgi_state_of_type(PyTypeObject *type) {
    return PyType_GetModuleState(type);
}

/** What the calling thread is doing.  All NULL on a thread that serves no request. */
struct wsgi_current {
    const struct app_config *config; /**< of the application; set while it is being loaded, too */
    uint64_t generation;
    struct exchange *exchange; /**< borrowed from the running request */
    char *errors_text;         /**< an unfinished line of wsgi.errors; malloc'ed */
    size_t errors_bytes;
    PyObject *after;        /**< list: what the request has given to after_response(); owned */
    const char *request_id; /**< while wsgi_run_after() runs these; else NULL */
};
struct wsgi_current *wsgi_current(void);
/** Which application and request a log line of this thread is about. The result points into
 *  `current`. */
struct log_about wsgi_current_about(const struct wsgi_current *current);

/** What wsgi_set_process() and the like have set, for the whole process. */
struct wsgi_settings {
    struct wsgi_process process;
    struct wsgi_file_hook file_hook;
    struct wsgi_withhold_hook withhold_hook;
    struct wsgi_preload_hook preload_hook;
    struct wsgi_live_hook live_hook;
};
/** Written before any interpreter is made, read afterwards. */
struct wsgi_settings *wsgi_settings(void);

#endif
