/**
 * Whether the host should get requests: what a load balancer asks for (ready_path, `fcgi_host
 * ready`).
 *
 * An application is ready when a worker that accepts connections has loaded it; while its process
 * group is asleep, too, since a request wakes that.  Code that was kept because an edit is broken
 * is ready.  The host is ready when it is not drained and every application is.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_READINESS_H
#define FCGI_HOST_SUPERVISOR_READINESS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/supervisor/groups.h"

enum readiness {
    READINESS_READY = 200, /**< the status of the answer */
    READINESS_NOT_READY = 503,
    READINESS_UNKNOWN = 404, /**< there is no such application */
};

/**
 * @param app  "": all
 * @param[out] ret_why  "ready", "draining", "loading: blog, shop", "failed: shop"; cut to fit
 */
enum readiness readiness_of(const struct groups *groups, bool is_drained, const char *app,
                            char *ret_why, size_t why_bytes);

#endif
