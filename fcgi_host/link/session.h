/**
 * What a command and a worker say to each other over a socket of their own (`fcgi_host exec`,
 * `fcgi_host profile`).  The command makes the pair and passes one end along with its request over
 * the control socket; the supervisor passes it on to the worker, and takes no further part.
 *
 * A packet has a type and bytes.  A worker gets what the command wants, then START (exec: NAME,
 * ARGUMENT*, PROGRAM*; profile: RATE); the command gets what comes of that, then END.  Where either
 * end is closed, the other one stops.
 *
 * @thread one at a time may send, one receive  @tstate none
 */
#ifndef FCGI_HOST_LINK_SESSION_H
#define FCGI_HOST_LINK_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"

enum session_type {
    /* command → worker */
    SESSION_NAME = 'n',     /**< of the file */
    SESSION_ARGUMENT = 'a', /**< one more */
    SESSION_PROGRAM = 'p',  /**< the next piece of the file */
    SESSION_RATE = 'r',     /**< looks a second, a blank, how many ms */
    SESSION_START = 's',    /**< that was all */
    /* worker → command */
    SESSION_OUT = 'o',   /**< for standard output */
    SESSION_ERR = 'e',   /**< for standard error */
    SESSION_STACK = 't', /**< a thread's id, a newline, its stack as faulthandler writes it */
    SESSION_END = 'z',   /**< a digit, the exit status; a text for standard error */
};

enum {
    SESSION_PACKET_BYTES =
        32 << 10,              /**< at most, without the type: it fits into a socket's buffer */
    SESSION_ANSWER_MS = 10000, /**< for the other side to say what it wants */
};

/** Exit statuses of the commands; what has run says the others. */
enum { SESSION_FAILED = 1, SESSION_NOT_RUN = 2 };

/** A connected pair, blocking and CLOEXEC. Errors: ERR_SYSTEM */
int session_pair(int ret_fds[2], struct error *err);

/** Whether this end blocks; session_send() and session_receive() are for one that does. */
void session_set_blocking(int fd, bool is_blocking);

/** Send bytes, in several packets if they are many. @return 0, or -1: ERR_CLOSED, ERR_SYSTEM */
int session_send(int fd, enum session_type type, const char *bytes, size_t size, struct error *err);
/** The same of a string. */
int session_say(int fd, enum session_type type, const char *text, struct error *err);

struct session_packet {
    enum session_type type;
    size_t size;
    char bytes[SESSION_PACKET_BYTES + 1]; /**< NUL-terminated */
};

/** @return 0, or -1: ERR_CLOSED, ERR_TIMEOUT, ERR_PROTOCOL, ERR_SYSTEM */
int session_receive(int fd, struct session_packet *ret_packet, struct error *err);

/** What takes a packet of an order. @return 0, or -1 with *err */
typedef int session_take_function(void *ctx, const struct session_packet *packet,
                                  struct error *err);
/** Receive what a command wants, up to START, each packet within SESSION_ANSWER_MS.
 *  @return 0, or -1: what session_receive() or `take` returned, ERR_MEMORY */
int session_receive_order(int fd, session_take_function *take, void *ctx, struct error *err);

/** END, for a command that is to exit with `status`. @param text  for its standard error; "" */
void session_end(int fd, int status, const char *text);

#endif
