/** _harness_preload: libraries that are imported in advance, for test_preload.py. */
#ifndef TESTS_UNIT_WSGI_HARNESS_PRELOAD_H
#define TESTS_UNIT_WSGI_HARNESS_PRELOAD_H

#include "pool/python/py_compat.h"

#include "pool/base/error.h"

/** For PyImport_AppendInittab(). */
PyObject *harness_preload_init(void);
/** Raise `err`, unless an exception is set. @return NULL */
PyObject *harness_raise(const struct error *err);

#endif
