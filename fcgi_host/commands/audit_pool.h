/**
 * A pool with an audit's target in it: what a throw-away process loads it into.
 *
 * @thread the process's only one  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_POOL_H
#define FCGI_HOST_COMMANDS_AUDIT_POOL_H

#include "fcgi_host/commands/audit_child.h"
#include "pool/pool.h"

struct audit_pool {
    const struct audit_target *target;
    int fd; /**< of the lines */
    struct pool *pool;
    struct pool_interpreter *interpreter;
    struct pool_app *app;
    struct stale_check *check;
    /** An interpreter is about to end. Optional. @tstate attached to it */
    void (*ending)(struct audit_pool *pool, struct generation *generation);
    struct error err;
};

enum audit_place { AUDIT_IN_SUB, AUDIT_IN_OWN_GIL, AUDIT_IN_MAIN };

/** Start Python and make the pool.
 *  @pre target, fd and ending are set; the rest is zero, and outlives the process's threads
 *  @return 0, or -1 with pool->err */
int audit_pool_start(struct audit_pool *pool, enum audit_place place);

/** Load the target in one more interpreter, and say `step` and what happens.
 *  @return 0, or -1: it was said why */
int audit_pool_build(struct audit_pool *pool, const char *step, struct generation **ret_generation);

/** Say of which files a traceback's lines are, the innermost last. @thread any */
void audit_pool_say_frames(const struct audit_pool *pool, const char *text);
/** @return the last line of a traceback, in place, which says what was raised @thread any */
const char *audit_pool_last_line(char *text);

/** End an interpreter, and say `step`, and if it could not be ended. */
void audit_pool_end(struct audit_pool *pool, const char *step, struct generation **generation);

#endif
