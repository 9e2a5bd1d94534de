/**
 * Last words: what a worker leaves behind when a signal ends it.
 *
 * faulthandler writes the Python stack of the thread that got the signal to a memory file of the
 * supervisor's; then our handler notes in the scoreboard which thread it was; then the process
 * dies as it would have.  The supervisor puts both in one log line (last_words.c).
 *
 * @tstate none
 */
#ifndef FCGI_HOST_APP_CRASH_H
#define FCGI_HOST_APP_CRASH_H

#include "fcgi_host/link/scoreboard.h"
#include "pool/base/error.h"

/**
 * Install the handlers.  Python must have been started, the pool not yet: faulthandler belongs to
 * the whole process and to the main interpreter.
 * @param board         in use (scoreboard_use())
 * @param last_words_fd where faulthandler writes
 * @return 0, or -1: ERR_PYTHON, ERR_SYSTEM
 * @thread the worker's first
 */
int crash_start(struct scoreboard *board, int last_words_fd, struct error *err);

/** Give the calling thread a stack to die on: the usual cause of a crash in a thread is that its
 *  own is exhausted.  Freed when the thread ends; once for each thread. @thread any @tstate any */
void crash_thread_start(void);

#endif
