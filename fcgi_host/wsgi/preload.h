/**
 * The libraries of an interpreter's applications: noted as they are imported, imported in advance
 * into the next interpreter (wsgi.h: wsgi_preload_…).  The Python side is in
 * application_libraries.py and application_preload.py.
 *
 * @thread generation  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_PRELOAD_H
#define FCGI_HOST_WSGI_PRELOAD_H

#include "fcgi_host/wsgi/state.h"

/** Note what is imported from now on. @return 0, or -1 with an exception */
int preload_install(struct wsgi_state *state, const struct app_config *const *apps, size_t count);

/** The first application of the interpreter is about to be loaded.
 *  @return 0, or -1 with an exception */
int preload_begin(struct wsgi_state *state);

/** Why the applications cannot be loaded in this interpreter, whatever became of the exception that
 *  said so.  An exception that is set is dropped then.
 *  @return 0: they can; or -1 with ERR_COLD, or with an exception */
int preload_check_cold(const struct wsgi_state *state, struct error *err);

/** The interpreter is about to end: call before its exit functions. */
void preload_end(const struct wsgi_state *state);

/* For the module `fcgi_host`, for the embedded Python code: */

/** _library_came(): a library was imported after the applications had loaded. */
PyObject *preload_library_came(PyObject *module, PyObject *unused);
/** _is_wanted(): whether to go on importing in advance. */
PyObject *preload_is_wanted(PyObject *module, PyObject *unused);
/** _versions(objects): bytes that differ when one of these dictionaries, classes, lists and sets
 * has been changed. */
PyObject *preload_versions(PyObject *module, PyObject *objects);

#endif
