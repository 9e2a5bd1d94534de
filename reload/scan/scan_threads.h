/**
 * The threads whose thread-local variables can outlive an interpreter.
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_SCAN_SCAN_THREADS_H
#define RELOAD_SCAN_SCAN_THREADS_H

#include "pool/python/py_compat.h"

#include <pthread.h>

#include "pool/base/error.h"
#include "pool/python/cpython_inspect.h"

struct thread_list {
    pthread_t *items;
    size_t count, capacity;
};

/**
 * Threads with a thread state of any interpreter that is_still, except `ending`, and those that
 * extensions started.  Each may end at any time: its memory must be read by safe_read().
 * @return 0, or -1: ERR_MEMORY  @owns free(list->items)
 */
int scan_threads(struct thread_list *list, const struct py_interpreters *interpreters,
                 PyInterpreterState *ending, struct error *err);

#endif
