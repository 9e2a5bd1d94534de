/**
 * How a worker learns that its supervisor is ending, however it ends, before anybody else does: a
 * futex that is held by the supervisor and that the kernel lets go of as the first thing when the
 * supervisor is killed (a robust futex).  Its descriptors are closed later, and its parent is told
 * last: a thread that does nothing, and gets a processor only when nobody else wants it
 * (SCHED_IDLE), keeps the process until then.
 *
 * Life cycle: 1. the supervisor lifeline_new(), 2. fork(), 3. in the worker lifeline_watch().
 * Follows: set_robust_list(2), futex(2).
 */
#ifndef FCGI_HOST_LINK_LIFELINE_H
#define FCGI_HOST_LINK_LIFELINE_H

#include "pool/base/error.h"

struct lifeline;

/**
 * The calling thread holds it as long as it lives.  A process has one.  Starts a thread.
 * @return NULL: ERR_SYSTEM
 * @owns   the process
 * @thread the supervisor's  @tstate none
 */
struct lifeline *lifeline_new(struct error *err);

/**
 * On a new thread wait for the end of the process that made it, then call `ended` there.
 * @return 0, or -1: ERR_SYSTEM, ERR_MEMORY
 * @thread any  @tstate none
 */
int lifeline_watch(struct lifeline *lifeline, void (*ended)(void), struct error *err);

#endif
