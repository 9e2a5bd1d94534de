/**
 * Requests for the status page: the supervisor is asked for the whole status, and they are answered
 * when it has come.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_STATUS_REQUESTS_H
#define FCGI_HOST_WORKER_STATUS_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

struct channel_end;
struct request;
struct status_request;

struct status_requests {
    const struct channel_end *supervisor;
    struct status_request *first; /**< those that wait; NULL: none */
    uint64_t last_number;
};

/** Ask the supervisor on behalf of a request. @owns the request, until it is answered */
void status_requests_ask(struct status_requests *requests, struct request *request);

/** The supervisor has answered the request of that number.
 *  @param text  the status as JSON; NULL: there is none, the answer is 503 */
void status_requests_answer(struct status_requests *requests, uint64_t number, const char *text,
                            size_t bytes);

#endif
