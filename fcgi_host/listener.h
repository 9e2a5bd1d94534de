/**
 * The listening socket: made from an address, or inherited (descriptor 0, LISTEN_FDS).
 * Order: `listen` if given, descriptor 0 if it is a listening socket, LISTEN_FDS, else ERR_USAGE.
 *
 * Addresses: "unix:/path[,mode=0660]", "HOST:PORT", "[V6]:PORT", ":PORT", "fd:N".
 * Follows: FastCGI 1.0 §2.2 (FCGI_LISTENSOCK_FILENO); sd_listen_fds(3).
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_LISTENER_H
#define FCGI_HOST_LISTENER_H

#include <stdbool.h>

#include "pool/error.h"

struct listener {
    int fd;          /**< listening, non-blocking, CLOEXEC */
    char *unix_path; /**< to unlink at the end; NULL when inherited or TCP */
};

/** @return 0, or -1: ERR_USAGE (nothing to listen on, bad address), ERR_SYSTEM (in use …) */
int listener_open(struct listener *ret_listener, const char *address, struct error *err);
void listener_close(struct listener *listener);

#endif
