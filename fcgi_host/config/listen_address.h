/**
 * What to listen on, as text: "unix:/path[,mode=0660][,user=NAME][,group=NAME]", "HOST:PORT",
 * "[V6]:PORT", ":PORT", "fd:N".
 *
 * @thread any; pure
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_LISTEN_ADDRESS_H
#define FCGI_HOST_CONFIG_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "pool/base/error.h"

enum listen_kind { LISTEN_UNIX, LISTEN_TCP, LISTEN_FD };

enum {
    /** Owner and group, as php-fpm: the web server's user joins the group, or asks for more. */
    LISTEN_DEFAULT_MODE = 0660,
    LISTEN_HOST_BYTES = 256, /* a host name has 253 characters at most (RFC 1035 §2.3.4) */
    LISTEN_NAME_BYTES = 256, /* useradd(8) allows 32 */
};

struct listen_address {
    enum listen_kind kind;
    /* LISTEN_UNIX */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    mode_t mode;
    /** Owner of the socket, a name or a number; "": as the host. */
    char user[LISTEN_NAME_BYTES], group[LISTEN_NAME_BYTES];
    /* LISTEN_TCP */
    /** Without brackets; "" for any address, which takes IPv4 too, as "::" does. */
    char host[LISTEN_HOST_BYTES];
    bool is_ipv6_literal; /**< it stood in brackets */
    char port[6];
    /* LISTEN_FD */
    int fd;
};

/** @return 0, or -1 with ERR_USAGE */
int listen_address_parse(const char *text, struct listen_address *ret_address, struct error *err);

#endif
