/**
 * Requests that the supervisor has the answer to: for the status page, of which it is asked for the
 * whole, and for whether the host is ready.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_STATUS_REQUESTS_H
#define FCGI_HOST_WORKER_STATUS_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

struct channel_end;
struct channel_message;
struct request;
struct status_request;

struct status_requests {
    const struct channel_end *supervisor;
    struct status_request *first; /**< those that wait; NULL: none */
    uint64_t last_number;
};

/** Ask the supervisor on behalf of a request. @owns the request, until it is answered */
void status_requests_ask(struct status_requests *requests, struct request *request);

/** The same, for ready_path. */
void status_requests_ask_ready(struct status_requests *requests, struct request *request);

/** The supervisor has answered one (CHANNEL_STATUS_WHOLE, CHANNEL_READY). @owns its descriptor */
void status_requests_take(struct status_requests *requests, const struct channel_message *message);

#endif
