/**
 * Ending the waits of Python threads.
 *
 * A thread looks at an exception of PyThreadState_SetAsyncExc() between two instructions of Python
 * code.  A thread inside time.sleep(), select() or socket.recv() comes to that after its wait, and
 * a signal does not help: the call is made again (PEP 475).  So the program defines the functions
 * of the C library that CPython waits in, which the dynamic linker prefers to the C library's own,
 * and each of them can be told to end:
 *
 * - clock_nanosleep(), select(), poll(), epoll_wait(), waitpid() and their like: as if the time were
 *   over (0);
 * - read(), recv(), write(), send() and their like, accept4(): -1, ETIMEDOUT (TimeoutError), so that
 *   no data seem to have ended;
 * - sem_wait() and its like, in lock.acquire() and SimpleQueue.get(): as if the time were over.
 *   CPython's internal locks are waited for to the end.
 *
 * The calls of the program itself, and of threads that nobody ends, are the C library's.
 * A libpython that is linked into the program is not told from the program: no wait ends.
 *
 * Follows: POSIX for each function; how CPython waits for locks (PyThread_acquire_lock_timed).
 * @thread any  @tstate none
 */
#ifndef POOL_PYTHON_WAITS_H
#define POOL_PYTHON_WAITS_H

#include "pool/base/error.h"

enum {
    WAITS_FOR_TIME_OR_DATA = 1,
    /** The thread goes on without the lock: only for threads whose code ends now. */
    WAITS_FOR_LOCKS = 2,
};

/** Take a real-time signal of this process for it.  Before any Python thread starts. */
int waits_start(struct error *err);
/**
 * End the wait of a thread, if it is in one.  A thread that is about to begin a wait may be missed:
 * repeat it while the thread has not ended.
 *
 * @param thread_ident  Python's (a pthread_t)
 * @param kinds         of the enum above
 * @pre   the exception has been set; the caller keeps the thread's GIL, so that the thread cannot
 *        leave its wait meanwhile for Python code and begin another
 */
void waits_end(unsigned long thread_ident, unsigned kinds);

#endif
