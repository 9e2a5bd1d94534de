/**
 * The Python stack of a thread that is running, or stuck: asked for by a signal that this very
 * thread handles by writing its own stack.  So it needs no GIL, works when C code holds it, and
 * never reads frames that change meanwhile.
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
 * @param thread_id   gettid() of that thread; one that has ended meanwhile is an error
 * @param timeout_ms  a thread in an uninterruptible system call does not answer
 * @return 0, or -1: ERR_NOT_FOUND, ERR_TIMEOUT, ERR_SYSTEM
 * @thread one at a time (limits.c's)
 */
int stacks_of(pid_t thread_id, unsigned timeout_ms, char *ret_text, size_t text_bytes,
              struct error *err);

#endif
