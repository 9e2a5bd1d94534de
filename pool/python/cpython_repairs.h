/**
 * Repairs of CPython: faults between the interpreters of one process that only its private fields
 * can mend.  These functions change CPython's state; cpython_inspect.h reads it.
 *
 * Each repair names CPython's issue in cpython_repairs.c and ends with the version that needs it no
 * more: there the function is empty.
 */
#ifndef POOL_PYTHON_CPYTHON_REPAIRS_H
#define POOL_PYTHON_CPYTHON_REPAIRS_H

#include "pool/python/py_compat.h"

#include <stdbool.h>

/**
 * Give an interpreter's future thread states ids that no other interpreter's has.
 * @tstate attached to it, right after its creation
 */
void cpython_make_thread_ids_unique(PyInterpreterState *interpreter);

/**
 * Make `tstate` the one that the GIL-state API takes for this thread's.  Only 3.11 needs it.
 * @tstate attached: `tstate`
 */
void cpython_bind_gilstate(PyThreadState *tstate);

/**
 * Give the calling thread, which has no thread state, one of this interpreter.  The GIL-state API,
 * which would make one of the main interpreter, uses it and deletes it.
 * @thread one that an extension started  @tstate none
 */
void cpython_make_gilstate(PyInterpreterState *interpreter);

/**
 * Let a thread that waits for the GIL be heard by the one that has it, if they are in different
 * interpreters.  Only needed where PY_GIL_REQUESTS_GET_LOST.
 * @return whether any thread has the GIL
 * @thread any  @tstate none
 */
bool cpython_pass_on_gil_request(void);

/**
 * No thread may be started in this interpreter any more.  Only 3.11 needs it.
 * @tstate attached to it, right before it is ended
 */
void cpython_forbid_threads(PyInterpreterState *interpreter);

/**
 * Be ready to unlink the lists of objects of interpreters that end.  Does nothing where CPython
 * does it.  @tstate attached to the main interpreter, before any other exists
 */
void cpython_prepare_unlinking(void);

/** The calling thread is about to end this interpreter. @tstate attached to it */
void cpython_unlink_when_freed(PyInterpreterState *interpreter);

#endif
