/**
 * The Python stack of a thread that is running, or stuck.  The thread gets a signal, and its
 * handler writes the thread's own stack.  So no GIL is needed, C code may hold it, and no frames
 * are read that change meanwhile.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_APP_STACKS_H
#define FCGI_HOST_APP_STACKS_H

#include <stddef.h>
#include <sys/types.h>

#include "pool/base/error.h"

/** Once, after Python has started. Errors: ERR_PYTHON, ERR_SYSTEM @thread the worker's first */
int stacks_start(struct error *err);

/**
 * The Python stack of a thread of this process, innermost frame first.
 * @param thread_id   gettid() of that thread; ERR_NOT_FOUND if it has ended meanwhile
 * @param timeout_ms  a thread in an uninterruptible system call does not answer
 * @return 0, or -1: ERR_NOT_FOUND, ERR_TIMEOUT, ERR_SYSTEM
 * @thread one at a time (the limits thread)
 */
int stacks_of(pid_t thread_id, unsigned timeout_ms, char *ret_text, size_t text_bytes,
              struct error *err);

#endif
