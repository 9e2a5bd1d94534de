/**
 * From `struct error` to Python exceptions, and back.
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_EXCEPTION_H
#define FCGI_HOST_WSGI_EXCEPTION_H

#include "pool/python/py_compat.h"

#include "fcgi_host/wsgi/state.h"
#include "pool/base/error.h"

/**
 * Raise what `err` says: ValueError for ERR_PROTOCOL, MemoryError, else OSError.
 * @return -1
 */
int exception_raise(const struct error *err);
/** Raise OSError, of the kind that fits, whatever the code. @return -1 */
int exception_raise_io(const struct error *err);

/**
 * Take the exception that is set: its traceback as Python prints it, without the leading frames of
 * the import system and of this host.  See py_error_take().
 */
void exception_take(struct wsgi_state *state, struct error *err);

/** The first number of an OSError in the chain of an exception. @return 0: there is none */
int exception_errno(PyObject *exception);

#endif
