/**
 * environ["fcgi_host.client_gone"]: whether anybody still waits for the response.
 *
 * @thread generation  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_CLIENT_GONE_H
#define FCGI_HOST_WSGI_CLIENT_GONE_H

#include "pool/python/py_compat.h"

/** @return a new reference to the function, which serves every request; NULL with an exception */
PyObject *client_gone_new(void);

#endif
