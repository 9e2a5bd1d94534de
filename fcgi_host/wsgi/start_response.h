/**
 * PEP 3333's start_response and write callables, as the type of `struct exchange`.
 *
 * @thread any thread of the interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_START_RESPONSE_H
#define FCGI_HOST_WSGI_START_RESPONSE_H

#include "pool/python/py_compat.h"

/** Make the type. @return a new reference, or NULL with an exception */
PyTypeObject *start_response_type_new(PyObject *module);

/** What calling an exchange does: vectorcallfunc, for exchange_new(). */
PyObject *start_response_call(PyObject *exchange, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames);

#endif
