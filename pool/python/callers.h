/**
 * Who calls the functions of the C library that waits.c defines: the program, CPython, or code that
 * CPython runs.
 *
 * CPython waits in the same functions for the locks of Python code, whose wait a signal handler may
 * end, and for its own, which it must have.  Up to 3.13.0 a lock is a PyThread_type_lock, and
 * waits.c tells the two apart by what happens after EINTR.  Later ones wait in CPython's parking
 * lot (PyMutex): there the stack shows which function of Python code has called it.
 *
 * @thread any  @tstate none, unless said otherwise
 */
#ifndef POOL_PYTHON_CALLERS_H
#define POOL_PYTHON_CALLERS_H

#include <stdbool.h>

/** Find the code of the program and of libpython.  Before any Python thread starts. */
void callers_start(void);
/** Learn which functions wait for the locks of Python code.  Before any other Python thread starts.
 *  @tstate attached to the main interpreter */
void callers_learn_locks(void);
/** The calling thread is about to wait with a time limit: callers_learn_locks() makes one wait, and
 *  looks at its stack. */
void callers_see_wait(void);

/** @param address  where a function returns to */
bool caller_is_program(const void *address);
bool caller_is_python(const void *address);

/** @return whether the calling thread waits in the parking lot for a lock of Python code, or in
 *          SimpleQueue.get() */
bool callers_wait_for_python_lock(void);

#endif
