/**
 * Forking a process that has started Python and has no other thread: as os.fork() does it, from C,
 * and with a child that is handed to whoever adopts orphans.
 *
 * Life cycle: 1. runtime_start(), 2. runtime_attach_first() … runtime_detach_first(), any number of
 * times: imports, 3. runtime_fork_orphan(), any number of times; the child goes on as after
 * runtime_start(): interpreters are made, threads are started.
 *
 * Follows: CPython C API, "Operating System Utilities" (PyOS_BeforeFork() …); fork(2);
 * PR_SET_CHILD_SUBREAPER of prctl(2).
 *
 * @thread the one that called runtime_start(), alone in its process
 */
#ifndef POOL_PYTHON_RUNTIME_FORK_H
#define POOL_PYTHON_RUNTIME_FORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "pool/base/error.h"

/** Attach with the main interpreter's first thread state. @tstate none; attached on return */
void runtime_attach_first(void);
/** @tstate attached by runtime_attach_first(); none on return */
void runtime_detach_first(void);

/**
 * Fork twice; the process between has ended and been waited for when this returns in the parent, so
 * that the child has its new parent by then.  What modules have registered with
 * os.register_at_fork() is called.  The child must wait until the parent lets it go on, before it
 * looks at its parent.
 * @return 0 in the child; its process id in the parent; -1: ERR_SYSTEM, in the parent
 * @tstate none
 */
pid_t runtime_fork_orphan(struct error *err);

/**
 * Give the calling thread what imports have left in the first thread state: values of context
 * variables (`decimal`'s context is one) and of threading.local().
 * @return 0, or -1 with an exception
 * @thread one that was started after the fork; once  @tstate attached: main interpreter
 */
int runtime_inherit_first(void);

#endif
