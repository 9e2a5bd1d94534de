/**
 * A short text for an object, made without running any code of the application: no __repr__, no
 * attribute access, only the fields of CPython's own types.
 *
 * @thread any  @tstate attached, to any interpreter that shares the object's GIL
 */
#ifndef RELOAD_OBJECTS_OBJECT_TEXT_H
#define RELOAD_OBJECTS_OBJECT_TEXT_H

#include "pool/python/py_compat.h"

#include <stdbool.h>

/** Enough for one line of a report; longer names are cut. */
enum { OBJECT_TEXT_BYTES = 160 };

/** `<class 'decimal.Decimal'>`, `<function site.main>`, `<dict of 3>`, `'abc'`, `<a.B object>` … */
void object_text(PyObject *object, char *text, size_t text_bytes);

/** The same for an object that has been destroyed, but not overwritten: only of a str more than its
 *  type is looked at. */
void object_dead_text(PyObject *object, char *text, size_t text_bytes);

/** Where the contents of such a str or bytes object start. @return NULL: it is another object */
const void *object_dead_contents(PyObject *object);

/**
 * str, bytes, int, float, complex, None, bool, and tuples or frozensets of nothing else; a
 * ContextVar without a default of another kind (its values are in each thread's context).
 */
bool object_is_leaf(PyObject *object);

/** Whether a str ends with ASCII characters. */
bool object_str_ends_with(PyObject *str, const char *end);

/**
 * The entry of an exact dict under a str key; keys are compared here, so that no __eq__ or
 * __hash__ of the application runs. @return borrowed, or NULL
 */
PyObject *object_dict_entry(PyObject *dict, const char *name);

/** A str's characters as UTF-8, cut and with control characters as '?'. */
void object_str_text(PyObject *str, char *text, size_t text_bytes);

#endif
