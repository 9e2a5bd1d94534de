/**
 * The sockets of `fcgi_host serve`: the port that is to be the web server's, and the one between
 * web server and host.
 *
 * @thread the process's only one: the umask is changed   @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_SERVE_SOCKET_H
#define FCGI_HOST_COMMANDS_SERVE_SOCKET_H

#include "pool/base/error.h"

/** Whether the port of 127.0.0.1 is free. Errors: ERR_SYSTEM, which names it */
int serve_socket_check_port(unsigned port, struct error *err);

/** A listening Unix socket that nobody but this user may connect to.
 *  @return a descriptor, the caller's; -1: ERR_SYSTEM */
int serve_socket_open(const char *path, struct error *err);

/**
 * Give a server that does not stay what starts it the socket for itself, and a way to it.
 * @param folder  that the socket is in
 * @param name    the server's user; NULL: it stays
 * @return 0, or -1: ERR_NOT_FOUND, ERR_SYSTEM
 */
int serve_socket_let_in(const char *folder, const char *path, const char *name, struct error *err);

#endif
