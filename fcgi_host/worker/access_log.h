/**
 * The access log of a worker: a line for each request that it has ended (cgi/access_line.h), but
 * for questions whether the host is there.
 *
 * A file and syslog(3) are written by a thread of their own (base/log_batch.h); what somebody must
 * read is written at once, and never waits (base/log_stream.h).
 *
 * @thread the worker's first  @tstate none
 */
#ifndef FCGI_HOST_WORKER_ACCESS_LOG_H
#define FCGI_HOST_WORKER_ACCESS_LOG_H

#include "fcgi_host/config/config.h"
#include "fcgi_host/fastcgi/request.h"

/** Before the first request. @return 0, or -1: ERR_SYSTEM, ERR_MEMORY */
int access_log_start(const struct config *config, struct error *err);
/** A request ends. @param ended_ns  CLOCK_MONOTONIC, now @thread any @tstate any */
void access_log_note(const struct request *request, enum request_end end, uint64_t ended_ns);
/** Wait until the lines of all requests that have ended are written. */
void access_log_flush(void);

#endif
