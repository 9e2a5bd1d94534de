/**
 * CPython in this process: started once, never restarted, never finalised (the process exits).
 *
 * Follows: CPython C API, "Python Initialization Configuration".
 */
#ifndef POOL_PYTHON_RUNTIME_H
#define POOL_PYTHON_RUNTIME_H

#include <stddef.h>

#include "pool/base/error.h"

struct runtime_options {
    /** Sets sys.executable and with it sys.prefix; NULL: the one that was found at build time. */
    const char *python_executable;
    /** An extension to load as it is, though it would be withheld (withheld_extensions.h); or NULL.
     */
    const char *not_withheld;
    /** As behind -X on the command line, NULL-ended; NULL: none. */
    const char *const *x_options;
    /** Built-in modules to register before the start: name and PyInit function, NULL-ended. */
    const struct runtime_builtin {
        const char *name;
        void *(*init)(void); /**< a PyInit_ function; PyObject * as void * */
    } * builtins;
};

/**
 * Start Python on the calling thread (which must never run a sub-interpreter's code) and detach.
 * Creates the known single-phase extension modules in the main interpreter, unique ids, and the
 * main-first import machinery.
 * @return 0, or -1: ERR_PYTHON, ERR_FAILED
 * @thread the process's first  @tstate none on return
 */
int runtime_start(const struct runtime_options *options, struct error *err);

/** "3.11.2", of the library in this process; Python need not have been started. */
const char *runtime_python_version(void);

/**
 * Why no interpreter of this process is recycled: this libpython is not the one that the program
 * was built for, and the check for stale state must not read its structures (cpython_layouts.h).
 * Python need not have been started.
 * @return NULL: nothing is in the way
 */
const char *runtime_why_not_checked(void);

/** Whether interpreters with a GIL of their own can be recycled, where no foreign code needs a
 * check. */
int runtime_recycles_own_gil(void);

/** Whether tracemalloc traces, in whichever interpreter it was started. @thread any  @tstate any */
int runtime_traces_memory(void);

/**
 * How many interpreters Python code has made that still live (PEP 734: `concurrent.interpreters`).
 * @param[out] ret_unseen  those with a GIL of their own, whose objects no check sees; may be NULL
 * @thread any  @tstate any
 */
size_t runtime_made_interpreters(size_t *ret_unseen);

/** Whether this Python unlinks the objects of an ended interpreter (not so in 3.12.0-3.12.6). */
int runtime_can_end_interpreters(void);

#endif
