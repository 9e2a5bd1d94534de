/**
 * What the parts of request.h share: reading, sending, finishing.
 * @thread the connection's owner  @tstate as in request.h
 */
#ifndef FCGI_HOST_FASTCGI_REQUEST_INTERNAL_H
#define FCGI_HOST_FASTCGI_REQUEST_INTERNAL_H

#include "fcgi_host/fastcgi/connection.h"
#include "pool/base/error.h"

enum {
    /** A peer that neither takes nor gives a byte for so long is taken for dead; web servers give
     *  up after one to five minutes. */
    REQUEST_STALL_MS = 300 * 1000,
    /** Body bytes that a thread throws away at the end of a request before it leaves that to the
     *  intake thread: what a socket holds. */
    REQUEST_DISCARD_BYTES = 256 * 1024,
};

/** Take in what has arrived, keeping the body, within the memory of a spool: see an abort. */
void request_look(struct connection *connection);

/** Wait until all output is sent, taking in the body. @return 0, -1 gone (is_gone is set)
 *  @tstate none: blocks */
int request_wait_sent(struct connection *connection, struct error *err);

/** Wait until the socket takes something, taking in the body. @return 0, -1 ERR_TIMEOUT, ERR_CLOSED
 *  @tstate none: blocks */
int request_wait_writable(struct connection *connection, struct error *err);

/** Copy what the output points to, so that the intake thread can send it. @return -1: memory */
int request_own_output(struct connection *connection);

/** The request is aborted: of the output only the record that is on its way is still sent. */
void request_cut(struct connection *connection);

#endif
