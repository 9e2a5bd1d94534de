/**
 * Objects that an interpreter keeps for the host for as long as it lives, by name.
 *
 * They are in the dictionary that CPython gives each interpreter for this purpose
 * (PyInterpreterState_GetDict()), where no code of an application meets them.
 *
 * @thread any  @tstate attached, to the interpreter that keeps the object
 */
#ifndef POOL_PYTHON_KEPT_H
#define POOL_PYTHON_KEPT_H

#include "pool/python/py_compat.h"

struct embedded_code;

/** Keep an object under a name. @return 0, or -1 with a Python exception set */
int kept_keep(const char *name, PyObject *object);

/** @return borrowed: the object of that name, or NULL without an exception */
PyObject *kept_get(const char *name);

/**
 * Run embedded code (embedded_code_run()) and keep its globals under a name.
 * @return borrowed: the globals; or NULL with a Python exception set
 */
PyObject *kept_run(const char *name, struct embedded_code *code);

#endif
