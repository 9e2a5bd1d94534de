/**
 * What a request wants to have done when its response has been sent.
 *
 * The functions run on the request's own thread, which serves no other one until they have ended;
 * they belong to the request's generation, which is drained with them.
 *
 * @thread serving  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_AFTER_H
#define FCGI_HOST_WSGI_AFTER_H

#include "pool/python/py_compat.h"

/** fcgi_host.after_response(callable) → callable. */
PyObject *after_response(PyObject *module, PyObject *callable);

/** The request is to run once more: what it has given is dropped. */
void after_forget(void);

#endif
