/**
 * The process that rehearses one application: at the lowest priority, as the user of its workers,
 * and ended when it takes too long.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_REHEARSAL_H
#define FCGI_HOST_SUPERVISOR_REHEARSAL_H

#include <sys/types.h>

#include "fcgi_host/link/rehearsal.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/worker_process.h"

struct rehearsal;

struct rehearsal_options {
    struct loop *loop;
    /** What the process becomes: config, process name, in_child, ctx */
    const struct worker_process_start *start;
    const struct app_config *app; /**< the caller's, valid as long as the rehearsal */
    rehearse_function *rehearse;  /**< called in the child */
    /** It is over; called once. It may free the rehearsal. */
    void (*done)(void *ctx, const struct rehearsal_report *report);
    void *ctx;
};

/** @return one that has begun, or NULL: ERR_SYSTEM, ERR_MEMORY */
struct rehearsal *rehearsal_new(const struct rehearsal_options *options, struct error *err);
/** One that is not over is ended. NULL is fine. */
void rehearsal_free(struct rehearsal *rehearsal);
/** A child of this process has been waited for: it may be the rehearsal's. NULL is fine. */
void rehearsal_reaped(struct rehearsal *rehearsal, pid_t pid);

#endif
