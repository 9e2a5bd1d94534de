/**
 * The way back: a list where serving threads leave connections for the intake thread, how they wake
 * that thread, and what they must know about it.  One for each intake; outlives its connections.
 */
#ifndef FCGI_HOST_FASTCGI_RETURNS_H
#define FCGI_HOST_FASTCGI_RETURNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fcgi_host/fastcgi/deference.h"

struct connection;

struct returns {
    struct connection *_Atomic first; /**< linked by next_returned */
    atomic_bool is_wake_pending;
    atomic_bool wakes_on_close; /**< the intake thread waits for connections to close */
    atomic_bool is_stopping;    /**< kept-open connections are closed after their request */
    struct deference deference; /**< in hand: connections that serving threads own */
    atomic_bool is_yielding;    /**< new connections are left to other workers */
    pthread_t thread;           /**< the intake thread: must not wait for a peer */
    int epoll_fd;
    int wake_fd; /**< eventfd, never read: each write is an edge */
};

/** Wake the intake thread. @thread any; async-signal-safe */
void returns_wake(struct returns *returns);
/** Leave a connection, without waking. @thread serving (the connection's owner) */
void returns_put(struct returns *returns, struct connection *connection);
/** Take all connections that were left, linked by next_returned; a later returns_wake() wakes
 *  again.  @thread intake */
struct connection *returns_take(struct returns *returns);

#endif
