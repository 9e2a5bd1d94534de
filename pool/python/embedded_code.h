/**
 * Python source that is part of this program, compiled once per process.
 *
 * Compiling takes longer than all else in the set-up of an interpreter, so the code is kept, as
 * bytes that belong to no interpreter.  Docstrings and assertions are left out, because each
 * interpreter has a copy of its own.
 */
#ifndef POOL_PYTHON_EMBEDDED_CODE_H
#define POOL_PYTHON_EMBEDDED_CODE_H

#include "pool/python/py_compat.h"

#include <stdatomic.h>

struct embedded_code {
    const char *name; /**< of the module that the code becomes */
    const char *source;
    struct embedded_bytes *_Atomic compiled; /**< NULL: not yet */
};

/**
 * Run the code as a new module, which is not put into sys.modules.
 * @return a new reference, or NULL with an exception
 * @thread any, also of interpreters with different GILs  @tstate attached
 */
PyObject *embedded_code_run(struct embedded_code *code);

#endif
