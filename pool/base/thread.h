/**
 * Threads that end by themselves.
 *
 * @thread any  @tstate any
 */
#ifndef POOL_BASE_THREAD_H
#define POOL_BASE_THREAD_H

#include "pool/base/error.h"

/**
 * Start a detached thread.
 * @param name  shown by ps and debuggers; Linux keeps the first 15 bytes
 * @return 0, or -1: ERR_SYSTEM
 */
int thread_start(void *(*function)(void *arg), void *arg, const char *name, struct error *err);
/** The same, and it takes no signals: they are for the threads that expect them. */
int thread_start_deaf(void *(*function)(void *arg), void *arg, const char *name, struct error *err);

#endif
