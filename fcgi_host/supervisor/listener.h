/**
 * The listening socket: made from an address, or inherited (descriptor 0, LISTEN_FDS).
 * Order: `listen` if given, descriptor 0 if it is a listening socket, LISTEN_FDS, else ERR_USAGE.
 *
 * Addresses: listen_address.h.
 * Follows: FastCGI 1.0 §2.2 (FCGI_LISTENSOCK_FILENO); sd_listen_fds(3).
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_SUPERVISOR_LISTENER_H
#define FCGI_HOST_SUPERVISOR_LISTENER_H

#include <stdbool.h>

#include "fcgi_host/supervisor/socket_file.h"
#include "pool/base/error.h"

struct listener {
    int fd;                  /**< listening, non-blocking, CLOEXEC */
    struct socket_file file; /**< removed at the end; none when inherited or TCP */
};

/**
 * Listen.  A socket file that a dead process left is replaced; descriptors 0 to 2 get /dev/null
 * in place of a socket taken from there; LISTEN_* are removed from the environment when used.
 *
 * @param address  NULL: the inherited socket
 * @return 0, or -1: ERR_USAGE (nothing to listen on, bad address), ERR_SYSTEM (in use …)
 * @owns   the caller: listener_close()
 * @thread the process's only one (umask, environment)
 */
int listener_open(struct listener *ret_listener, const char *address, struct error *err);

/** @return whether a connection waits that no worker has accepted */
bool listener_has_waiting(const struct listener *listener);

/**
 * Refuse new connections; those that were made still wait for accept().  Done for a Unix socket
 * that listener_open() made: an inherited socket may be another process's as well, and for TCP the
 * kernel has no such operation, so that there a connection made between the last accept() and
 * close() is reset.
 */
void listener_refuse(struct listener *listener);

/** Close, and unlink the socket file.  A forked child closes `fd` itself instead. */
void listener_close(struct listener *listener);

#endif
