/**
 * A host that is drained: it is not ready any more (readiness.h), so that load balancers send
 * their requests elsewhere, goes on serving for a while, and then stops.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_DRAIN_H
#define FCGI_HOST_SUPERVISOR_DRAIN_H

#include <stdbool.h>

#include "fcgi_host/supervisor/loop.h"

/** A day. */
enum { DRAIN_SECONDS_MAX = 86400 };

struct drain {
    struct loop *loop;
    struct loop_timer end;
    bool is_begun;
};

/** @param over  the time has passed: the host is to stop */
void drain_init(struct drain *drain, struct loop *loop, void (*over)(void *ctx), void *ctx);
/** Begin, or set another end. @param cause  for the log */
void drain_begin(struct drain *drain, unsigned seconds, const char *cause);
/** Whatever stops the host does so now. */
void drain_end(struct drain *drain);

#endif
