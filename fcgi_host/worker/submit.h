/**
 * A request becomes a job of its application.
 */
#ifndef FCGI_HOST_WORKER_SUBMIT_H
#define FCGI_HOST_WORKER_SUBMIT_H

#include <stdbool.h>

struct application;
struct job;
struct recycle;
struct request;
struct withheld;

/** The Retry-After of a 503: a full queue empties within a second, or not for long. */
#define SUBMIT_RETRY_AFTER_S "1"

/** Where requests wait that another process is to answer. @pre before the first request */
void submit_use(struct withheld *withheld);
/** Who is told of requests that have been answered. @pre before the first request */
void submit_use_recycle(struct recycle *recycle);
/** An application gets no other process: withheld_application_stays(). @thread any */
void submit_stays(struct application *application);

/**
 * Hand a request over to the pool, or answer it here when its application does not serve or its
 * queue is full.
 * @owns   the request passes to the job
 * @thread intake  @tstate none
 */
void submit_request(struct application *application, struct request *request);

/**
 * Give requests that were taken out of their queues to another process; or submit them again.
 * @param jobs  pool_take_waiting()
 * @param give  @return whether it has taken the request over
 * @thread intake  @tstate none
 */
void submit_again(struct job *jobs, bool (*give)(void *ctx, struct request *request), void *ctx);

#endif
