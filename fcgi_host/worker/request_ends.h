/**
 * What is kept of every request that ends, whoever ends it: its times, for the status of its
 * application (latency.h, time_histogram.h) and the host's history (history.h), and a line of the
 * access log.
 *
 * A request that no application has begun with counts in no application's times: it was refused, or
 * its client went while it waited.  One that was answered in place of a thread that did not come
 * back (takeover.h) counts when it is answered.
 */
#ifndef FCGI_HOST_WORKER_REQUEST_ENDS_H
#define FCGI_HOST_WORKER_REQUEST_ENDS_H

/** Begin. @pre no request is in hand @thread the worker's first  @tstate none */
void request_ends_watch(void);

#endif
