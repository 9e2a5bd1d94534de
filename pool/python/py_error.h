/**
 * A Python exception as a struct error.
 *
 * @thread the attached one  @tstate attached
 */
#ifndef POOL_PYTHON_PY_ERROR_H
#define POOL_PYTHON_PY_ERROR_H

#include "pool/base/error.h"

/**
 * Take the exception that is set into *err: its traceback as Python prints it, chained exceptions
 * included.  A text that is too long loses its beginning.  May run Python code (__str__).
 *
 * err->code is ERR_REFUSED when it, or an exception that led to it, is an extension module's
 * refusal to be loaded into a sub-interpreter (see main_first.h), else ERR_PYTHON.
 * @return -1
 * @pre an exception is set; none is on return
 */
int py_error_take(struct error *err);

#endif
