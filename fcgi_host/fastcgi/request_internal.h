/**
 * Shared by the files that implement request.h: reading, sending, finishing.
 * @thread the connection's owner  @tstate as in request.h
 */
#ifndef FCGI_HOST_FASTCGI_REQUEST_INTERNAL_H
#define FCGI_HOST_FASTCGI_REQUEST_INTERNAL_H

#include "fcgi_host/fastcgi/connection.h"
#include "pool/base/error.h"

enum {
    /** A peer that neither takes nor gives a byte for this long counts as dead; web servers give up
     *  after one to five minutes. */
    REQUEST_STALL_MS = 300 * 1000,
    /** How many body bytes a serving thread discards at the end of a request before it leaves the
     *  rest to the intake thread: as many as a socket holds. */
    REQUEST_DISCARD_BYTES = 256 * 1024,
};

/** Take in what has arrived, so that an abort is seen; body bytes go to the spool's memory. */
void request_look(struct connection *connection);

/** Wait for events of the socket.  Another thread may take the request meanwhile: then the
 *  connection must not be touched any more.
 *  @return as poll(), -1 also for a signal; -2 with ERR_CLOSED: taken  @tstate none: blocks */
int request_poll(struct connection *connection, short events, short *ret_events, struct error *err);

/** Wait until the whole response is sent, taking in the body. @return 0, -1 gone (is_gone is set)
 *  @tstate none: blocks */
int request_wait_sent(struct connection *connection, struct error *err);

/** Wait until the socket takes something, taking in the body. @return 0, -1 ERR_TIMEOUT, ERR_CLOSED
 *  @tstate none: blocks */
int request_wait_writable(struct connection *connection, struct error *err);

/** Copy the bytes that the writer points to, so that the intake thread can send them.
 *  @return 0, or -1: out of memory */
int request_own_output(struct connection *connection);

/** The request is aborted: only the record that is partly sent is completed. */
void request_cut(struct connection *connection);

#endif
