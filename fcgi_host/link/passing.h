/**
 * Passing connections from one worker to another, over a pair of channel_pair(): the socket and
 * what was read from it travel in one message, so that a connection is passed whole or not at all.
 *
 * @thread any: one packet is one system call
 * @tstate none
 */
#ifndef FCGI_HOST_LINK_PASSING_H
#define FCGI_HOST_LINK_PASSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

enum {
    /** Bytes in the packet itself: the header of nearly every request.  More travel in a memory
     *  file. */
    PASSING_PACKET_BYTES = 16 * 1024,
};

/** A connection from a web server on which no request is under way. */
struct passed_connection {
    int fd;
    bool is_kept;   /**< it has served a request before: it may idle */
    uint8_t *bytes; /**< received and not answered: the beginning of a request, or more */
    size_t size;
};

/**
 * Send a connection; its descriptor and its bytes stay the caller's.
 * @return 0, or -1: ERR_CLOSED (the other worker is gone), ERR_BUSY (it does not read), ERR_SYSTEM
 */
int passing_send(int channel_fd, const struct passed_connection *connection, struct error *err);

/**
 * @param[out] ret_connection  a CLOEXEC descriptor and malloc'ed bytes (NULL: none): the caller's
 * @return 0, or -1: ERR_CLOSED (the other worker has ended), ERR_BUSY (nothing there),
 *         ERR_PROTOCOL, ERR_SYSTEM, ERR_MEMORY (that connection is lost)
 */
int passing_receive(int channel_fd, struct passed_connection *ret_connection, struct error *err);

#endif
