/**
 * wsgi.input: the request's body as a file-like object.
 *
 * It ends at CONTENT_LENGTH, or, without one, where the web server ends it (wsgi.input_terminated).
 * A body that breaks off before CONTENT_LENGTH is an OSError, never a short result: a cut body must
 * not look complete.
 *
 * Follows: PEP 3333, "Input and Error Streams".
 * @thread any thread of the interpreter, one at a time (a second one gets RuntimeError)
 * @tstate attached; detaches where it has to wait for the client
 */
#ifndef FCGI_HOST_WSGI_INPUT_H
#define FCGI_HOST_WSGI_INPUT_H

#include "fcgi_host/wsgi/exchange.h"

/** Make the type. @return a new reference, or NULL with an exception */
PyTypeObject *wsgi_input_type_new(PyObject *module);

/** The body of `exchange`, which it keeps alive. @return a new reference, or NULL */
PyObject *wsgi_input_new(struct wsgi_state *state, struct exchange *exchange);

#endif
