/**
 * The built-in types have the same attributes in each interpreter.
 *
 * A built-in type is one C structure for all interpreters; from 3.12 on each interpreter has its
 * own dictionary of the type's attributes, and CPython does not fill that of a sub-interpreter in
 * the same way:
 *
 *  - 3.12.0 to 3.12.3 enter slots that the type only inherits.  What they find there instead of
 *    another base class's method decides answers: `str(http.HTTPStatus.OK)` is not "200".
 *  - What CPython enters by itself at its start is in the main interpreter's alone:
 *    `contextvars.Token.MISSING`.
 */
#ifndef POOL_PYTHON_BUILTIN_TYPES_H
#define POOL_PYTHON_BUILTIN_TYPES_H

#include "pool/python/py_compat.h"

/**
 * Note which attributes the types have in the main interpreter.  Without memory for it, types
 * stay as CPython has them.
 * @tstate attached to the main interpreter, before there is another one
 */
void builtin_types_note(void);

/**
 * Give the types of a sub-interpreter the attributes that they have in the main one.
 * @return 0, or -1 with a Python exception set
 * @tstate attached to it, before any code of an application has run there
 */
int builtin_types_align(void);

#endif
