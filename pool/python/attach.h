/**
 * Attaching a thread of the host to its interpreter, so that none can keep the GIL from the others.
 *
 * Up to CPython 3.12 a thread that computes gives the GIL only to threads of its own interpreter
 * (cpython_repairs.c says why).  While any thread of the host is attached, a helper thread looks
 * every few milliseconds whether a thread waits in vain, and passes the request on.  The helper
 * sleeps when no thread of the host is attached, and does not exist where CPython needs no help.
 */
#ifndef POOL_PYTHON_ATTACH_H
#define POOL_PYTHON_ATTACH_H

#include "pool/python/py_compat.h"

#include "pool/base/error.h"

/**
 * How long a thread that has the GIL keeps it from one that waits, µs: CPython's switch interval,
 * as the host knows it.
 */
unsigned attach_switch_interval_us(void);
/** The interval has been set (sys.setswitchinterval()). @tstate attached */
void attach_note_switch_interval(unsigned us);

/** Start the helper, once per process, if it is needed. @return 0, or -1: ERR_SYSTEM */
int attach_start_helper(struct error *err);

/** PyEval_AcquireThread(), with the helper awake until attach_end(). @tstate none on entry */
void attach_begin(PyThreadState *tstate);
/** Detach: PyEval_SaveThread(). */
void attach_end(void);
/** PyThreadState_Clear() and PyThreadState_DeleteCurrent(): detach for good. */
void attach_end_and_delete(PyThreadState *tstate);
/** The thread was detached otherwise, by Py_EndInterpreter(). */
void attach_note_end(void);

#endif
