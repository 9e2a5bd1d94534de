/**
 * What the status tells of the last fifteen minutes: the host's history (link/history.h), to which
 * the supervisor adds what it can see, and the last reloads.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_RECENT_H
#define FCGI_HOST_SUPERVISOR_RECENT_H

#include "fcgi_host/base/json.h"
#include "fcgi_host/supervisor/groups.h"

/** Begin, before any worker is started; why it cannot is logged, and the host goes on without. */
void recent_open(void);
/** A worker says that a step has begun: see how many requests wait, and how much memory all
 *  processes take; nothing if that was just done. */
void recent_step(const struct groups *groups);
/** Write the members "history" and "recent_reloads" of the status document. */
void recent_write(const struct groups *groups, struct json_writer *json);

#endif
