/**
 * Connections on which no request is under way go from a worker that is replaced (the predecessor)
 * to its replacement (the successor), with the bytes that were read from them: idle kept-open ones,
 * requests that are still being read, and requests that no thread has begun to serve.  Closing them
 * would race with the web server, and serving them would answer with old code.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_HANDOVER_H
#define FCGI_HOST_WORKER_HANDOVER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "fcgi_host/intake/intake.h"

struct predecessor;
struct pool;

struct handover {
    struct intake *intake; /**< NULL until handover_attach() */
    int successor_fd;      /**< where our connections go, once stopping; -1: nowhere */
    bool is_put_off;       /**< some connections wait until the successor reads */
    /** Requests of applications that only the next worker has wait for it. */
    bool awaits_successor;
    SLIST_HEAD(, predecessor) predecessors;
};

void handover_init(struct handover *handover);

/** This worker serves from now on: connections come from and go to `intake`. */
void handover_attach(struct handover *handover, struct intake *intake);

/** There is no successor after all: what waits for it is dispatched again. */
void handover_give_up(struct handover *handover);

/** Our connections go to the worker at the other end of this socket. @owns `fd` */
void handover_set_successor(struct handover *handover, int fd);

/** intake_hooks.bequeath: offer a connection to the successor. */
enum bequeath_result handover_give(struct handover *handover,
                                   const struct passed_connection *connection);

/**
 * Give the successor the requests that no thread has begun to serve; those that it does not take
 * are queued again.  Requests that no thread will ever serve (pool_bar()) are answered 503 if there
 * is no successor.
 */
void handover_give_requests(struct handover *handover, struct pool *pool);

/** Take on the connections that a predecessor sends over this socket. @owns `fd` */
void handover_adopt(struct handover *handover, int fd);

#endif
