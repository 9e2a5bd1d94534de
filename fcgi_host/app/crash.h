/**
 * Last words: the stack and the place that a worker leaves behind when a signal ends it.
 *
 * faulthandler writes the Python stack of the thread that got the signal to a memory file of the
 * supervisor's; then our handler notes that thread in the scoreboard and writes its C stack
 * (c_stack.h); then the process dies of the signal.  The supervisor puts both in one log line
 * (last_words.c).
 *
 * @tstate none
 */
#ifndef FCGI_HOST_APP_CRASH_H
#define FCGI_HOST_APP_CRASH_H

#include "pool/base/error.h"

/**
 * Install the handlers, after scoreboard_use().  Python must have been started, the pool not yet:
 * faulthandler belongs to the whole process and to the main interpreter.
 * @param last_words_fd where both stacks are written
 * @return 0, or -1: ERR_PYTHON, ERR_SYSTEM
 * @thread the worker's first
 */
int crash_start(int last_words_fd, struct error *err);

/** Give the calling thread a stack for signal handlers: the usual cause of a crash in a thread is
 *  an exhausted stack.  Freed when the thread ends; further calls of a thread do nothing.
 *  @thread any @tstate any */
void crash_thread_start(void);

#endif
