/**
 * Extension modules in sub-interpreters: created in the main interpreter first, refusals noted.
 *
 * A single-phase extension keeps one set of C variables for the process.  CPython up to 3.12 lets
 * the first importing interpreter own it; when that one ends, the next import initialises the
 * variables again, under the feet of interpreters that use them.  3.13 creates such a module in
 * the main interpreter first, which never ends.  This does the same on every version, and lends the
 * thread that does it the application's search path meanwhile, which CPython does not.
 *
 * A *refusal*: a module whose file could be loaded, but which raised when it was created or
 * executed in a sub-interpreter (numpy's, lxml's and PyO3's do, on purpose).  Such an application
 * belongs in the main interpreter of a fresh process: the attempt may have spoilt this one.
 *
 * Follows: CPython issue 117953; PEP 489.
 */
#ifndef POOL_PYTHON_MAIN_FIRST_H
#define POOL_PYTHON_MAIN_FIRST_H

#include "pool/python/py_compat.h"

#include <stdbool.h>

#include "pool/base/error.h"

/** The attribute of an exception that is a refusal. */
#define MAIN_FIRST_REFUSAL_MARK "_fcgi_host_refusal"

struct main_first_refusal {
    const char *module, *file;
    const char *exception, *message; /**< the class of what was raised; what it says */
};

/** Receiver of refusals.  Its memory must last as long as the interpreter. */
struct refusal_sink {
    void *ctx;
    /** @tstate attached; the strings are the caller's */
    void (*note)(void *ctx, const struct main_first_refusal *refusal);
};

/** Prepare the main interpreter. @return 0, or -1: ERR_PYTHON  @tstate attached to it */
int main_first_prepare(struct error *err);

/**
 * Watch the extension loaders of a fresh sub-interpreter.
 * @param setup    the globals of interpreter_setup.py there; borrowed
 * @param own_gil  it has a GIL and an allocator of its own
 * @param sink     borrowed; may be NULL
 * @return 0, or -1 with a Python exception set
 * @tstate attached to it
 */
int main_first_watch(PyObject *setup, bool own_gil, const struct refusal_sink *sink);

#endif
