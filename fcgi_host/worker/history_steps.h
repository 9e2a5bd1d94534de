/**
 * What a worker notes in the host's history (link/history.h), and that it tells the supervisor when
 * a step has begun.
 *
 * Serving threads call it attached: no lock, and a system call once in ten seconds.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_WORKER_HISTORY_STEPS_H
#define FCGI_HOST_WORKER_HISTORY_STEPS_H

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/channel.h"

/** Begin. @param supervisor  valid as long as the worker @pre no request is in hand */
void history_steps_use(const struct channel_end *supervisor);

/** An application is given a request. */
void history_steps_arrived(const struct request *request);
/** A request that an application has begun with ends. @param ended_ns  CLOCK_MONOTONIC */
void history_steps_ended(const struct request_times *times, uint64_t ended_ns);

#endif
