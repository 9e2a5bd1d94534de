/**
 * Threads that extensions start, and their use of the simplified GIL-state API.
 *
 * PyGILState_Ensure() on a thread without a thread state gives it one of the *main* interpreter,
 * whatever interpreter the callback belongs to.  This file defines PyGILState_Ensure() and
 * pthread_create() in the executable, where the dynamic linker looks first, so that all extensions
 * call them:
 *  - a thread that an extension starts is noted together with the interpreter it was started in;
 *  - its PyGILState_Ensure() gets a thread state of that interpreter, and is counted;
 *  - as long as such a thread lives that interpreter must not be ended (gilstate_may_end());
 *  - a thread that calls for the first time after the end hangs, as in CPython 3.14.
 * Threads of the host and of Python (`threading`) are left alone.
 * Not caught: extensions loaded with RTLD_DEEPBIND or linked against another C library.
 *
 * @thread any  @tstate any
 * Follows: CPython C API, "Non-Python created threads", PEP 788 (what it is to become)
 */
#ifndef RELOAD_OBJECTS_GILSTATE_H
#define RELOAD_OBJECTS_GILSTATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A thread that an extension started and that lives. */
struct gilstate_thread {
    bool has_started;        /**< false: it is about to run for the first time */
    pthread_t thread;        /**< once it has started */
    const void *interpreter; /**< in which it was started: a PyInterpreterState; NULL: none */
    uintptr_t starter;       /**< where pthread_create() was called from */
    uintptr_t caller;        /**< where PyGILState_Ensure() was called from last; 0: never */
    unsigned long calls;
};

/**
 * Call `function` for each such thread; they cannot end meanwhile.  It must not start or wait for
 * threads, nor run Python.
 */
void gilstate_each_thread(void (*function)(const struct gilstate_thread *thread, void *arg),
                          void *arg);

/** A place that calls PyGILState_Ensure() on threads of extensions. */
struct gilstate_caller {
    uintptr_t address;
    unsigned long calls;   /**< since the process started */
    unsigned long to_main; /**< of these: on threads whose start was not seen */
};

/** More places than any set of extensions has; calls from further ones are not counted. */
enum { GILSTATE_CALLERS_MAX = 64 };

/** Copy the callers seen so far. @return how many */
size_t gilstate_callers(struct gilstate_caller ret_callers[GILSTATE_CALLERS_MAX]);

/**
 * Whether the threads of extensions allow an interpreter to be ended.  They do not when a living
 * thread that was started in it has used the API, or was started by code that `uses_api` is true
 * for.  After `true` a thread of that interpreter hangs when it uses the API for the first time.
 * @param uses_api  must not load or list images: the dynamic linker may be waiting
 * @tstate attached, GIL held from before this call until the interpreter has ended
 */
bool gilstate_may_end(const void *interpreter, bool (*uses_api)(uintptr_t starter, void *arg),
                      void *arg);

#endif
