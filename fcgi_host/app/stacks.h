/**
 * The Python stack of a thread that is running, or stuck.  The thread gets a signal, and its
 * handler writes the thread's own stack.  So no GIL is needed, C code may hold it, and no frames
 * are read that change meanwhile, except one that CPython was about to make or remove: a read that
 * faults there is caught.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_APP_STACKS_H
#define FCGI_HOST_APP_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pool/base/error.h"

/** Once, after crash_start(). Errors: ERR_SYSTEM @thread the worker's first */
int stacks_start(struct error *err);

/** The calling thread begins to serve a request, or ends: else it has no stack.
 *  @tstate attached */
void stacks_serve(bool serves);

/**
 * The Python stack of a thread of this process, innermost frame first.
 * @param thread_id   gettid() of that thread; ERR_NOT_FOUND if it has ended meanwhile
 * @param timeout_ms  a thread in an uninterruptible system call does not answer
 * @return 0, or -1: ERR_NOT_FOUND, ERR_TIMEOUT, ERR_SYSTEM, ERR_FAILED (its frames cannot be read)
 * @thread any, but no Python's: others wait meanwhile
 */
int stacks_of(pid_t thread_id, unsigned timeout_ms, char *ret_text, size_t text_bytes,
              struct error *err);

#endif
