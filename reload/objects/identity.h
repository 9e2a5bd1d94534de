/**
 * Split identity: two interpreters have an object each under the same name.
 *
 * `decimal.Decimal` of the main interpreter and `decimal.Decimal` of a sub-interpreter are two
 * classes: an extension that keeps the one finds that no number of the other is an instance of it.
 *
 * @thread one at a time  @tstate attached, to any interpreter that shares the GIL
 */
#ifndef RELOAD_OBJECTS_IDENTITY_H
#define RELOAD_OBJECTS_IDENTITY_H

#include "pool/python/py_compat.h"

/**
 * Look for an object with a twin in what a variable holds: in it, or in the dictionaries, lists,
 * tuples and sets that it leads to, up to IDENTITY_DEPTH_MAX deep.
 * @return borrowed: the object with a twin, or NULL
 */
PyObject *identity_find_split(PyObject *held, PyInterpreterState *interpreter);
/** A dictionary of tuples of classes is the deepest registry seen in real modules. */
enum { IDENTITY_DEPTH_MAX = 3, IDENTITY_ITEMS_MAX = 4096 };

#endif
