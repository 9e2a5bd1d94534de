/**
 * wsgi.errors: text for the web server's error log (FCGI_STDERR) and for this host's.
 *
 * One object serves all requests of an application: a logging handler may keep it.  Text from the
 * thread that serves a request belongs to that request; other threads' text goes to this host's log
 * only.  Whole lines are passed on at once, the rest at flush() or when the request ends.
 *
 * Follows: PEP 3333, "Input and Error Streams".
 * @thread any thread of the interpreter  @tstate attached; detaches to write
 */
#ifndef FCGI_HOST_WSGI_ERRORS_H
#define FCGI_HOST_WSGI_ERRORS_H

#include "fcgi_host/wsgi/state.h"

struct wsgi_loaded;

/** Make the type. @return a new reference, or NULL with an exception */
PyTypeObject *wsgi_errors_type_new(PyObject *module);

/** @return a new reference, or NULL with an exception */
PyObject *wsgi_errors_new(const struct wsgi_loaded *loaded);

/** Pass on an unfinished line of the calling thread. */
void wsgi_errors_flush(struct wsgi_current *current);

#endif
