/**
 * A CPython sub-interpreter: created, made ready for an application, and ended again.
 *
 * Life cycle, all on one thread that never had another interpreter's thread state for long:
 *   1. interpreter_create()            the thread is attached to it
 *   2. (applications)                  other threads come with thread states of their own, and go
 *   3. interpreter_run_exit_functions(), interpreter_stop_threads()
 *   4. interpreter_end()               or never, when something in it cannot be stopped
 *
 * Follows: CPython C API, "Sub-interpreter support".
 */
#ifndef POOL_PYTHON_INTERPRETER_H
#define POOL_PYTHON_INTERPRETER_H

#include "pool/python/py_compat.h"

#include <stdbool.h>

#include "pool/base/error.h"
#include "pool/python/main_first.h"

/**
 * Create a sub-interpreter with unique thread-state ids, extension modules created in the main
 * interpreter first, no fork; `threading` will take this thread for its main thread.
 * @param sink  told of refusals, also later ones; may be NULL
 * @return the calling thread's thread state, attached; or NULL: ERR_PYTHON, ERR_MEMORY
 * @thread one made for it: it had no thread state before  @tstate none
 */
PyThreadState *interpreter_create(bool own_gil, const struct refusal_sink *sink, struct error *err);

/** The same for the main interpreter, as far as it applies. @tstate attached to it */
int interpreter_prepare_main(struct error *err);

/**
 * Let `threading` take the calling thread, the home thread of a generation in the main interpreter,
 * for its main thread: applications and libraries (gevent, asyncio) find themselves where a plain
 * python3 would run them.
 * @return 0, or -1: ERR_PYTHON  @tstate attached to the main interpreter
 */
int interpreter_adopt_home(struct error *err);

/**
 * Set after how many µs the threads of all interpreters that share the GIL take turns
 * (sys.setswitchinterval()).
 * @return what it was before; 0: it cannot be changed  @tstate attached
 */
unsigned interpreter_set_switch_interval(unsigned us);

/**
 * Run threading's exit functions (executors wait for their tasks), then atexit's.  Their errors go
 * to sys.stderr, and they may take any time.  @tstate attached
 */
void interpreter_run_exit_functions(void);

/**
 * Raise SystemExit in every other thread of this interpreter until none is left.
 * @return whether none is left  @tstate attached; detaches while it waits
 */
bool interpreter_stop_threads(unsigned limit_ms);

/** Thread states of this interpreter beside the attached one; those that its end takes along do not
 *  count (from 3.14 on: of threads that are gone). @tstate attached */
unsigned interpreter_other_threads(void);

/**
 * PEP 788 (3.15): whether C code holds a guard of this interpreter, for which its end would wait.
 * @tstate attached
 */
bool interpreter_is_guarded(void);
/** Wait until none is held. @return whether none is  @tstate attached; detaches while it waits */
bool interpreter_await_guards(unsigned limit_ms);

/** Say which threads these are and where: error_set(). @tstate attached */
void interpreter_name_threads(struct error *err);

/** Raise SystemExit in a thread of this interpreter. @tstate attached */
void interpreter_interrupt(unsigned long thread_ident);
/** @return whether an exception that was raised in this thread is still to be taken @tstate
 * attached */
bool interpreter_is_interrupted(unsigned long thread_ident);
/**
 * Wake threads of this interpreter that wait in a threading.Condition (Queue, Event, Semaphore …
 * are made of it) or in the C library (waits.h), so that they see an exception that was raised in
 * them.
 * @param kinds  of waits in the C library
 * @tstate attached; runs Python code of the host
 */
void interpreter_wake(const unsigned long *thread_idents, size_t count, unsigned kinds);
/**
 * An exception that is pending for the calling thread takes the place of the one that is set, and
 * names it as its context: the wait that the exception ended may have ended with an error
 * (waits.h).
 * @pre an exception is set  @tstate attached
 */
void interpreter_prefer_interrupt(void);
/** Take back an exception that is pending for the calling thread (interpreter_interrupt(), or
 * another PyThreadState_SetAsyncExc()). @tstate attached */
void interpreter_clear_interrupt(void);

/**
 * End it.  Stops tracemalloc, whoever has started it.
 * @pre   interpreter_other_threads() == 0
 * @tstate attached on entry, none on return
 */
void interpreter_end(PyThreadState *tstate);

#endif
