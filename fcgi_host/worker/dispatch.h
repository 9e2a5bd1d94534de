/**
 * Routing a request to what answers it: an application, a script, the status page, or nothing.
 */
#ifndef FCGI_HOST_WORKER_DISPATCH_H
#define FCGI_HOST_WORKER_DISPATCH_H

struct applications;
struct away;
struct handover;
struct request;
struct live_streams;
struct status_requests;

/** Where requests can go. */
struct dispatch {
    const struct applications *applications;
    struct away *away;         /**< applications of other process groups */
    struct handover *handover; /**< to the worker that takes this one's place */
    struct status_requests *status_requests;
    struct live_streams *live_streams;
};

/** Route a request and pass it on, or answer it. @owns the request passes on
 *  @thread intake  @tstate none */
void dispatch_request(const struct dispatch *dispatch, struct request *request);

#endif
