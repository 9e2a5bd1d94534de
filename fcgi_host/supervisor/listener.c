#include "fcgi_host/supervisor/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/listen_address.h"

enum {
    /** Connections that wait while every thread is busy; lighttpd and spawn-fcgi use the same. */
    LISTEN_BACKLOG = 1024,
    /** FastCGI 1.0 §2.2: FCGI_LISTENSOCK_FILENO */
    FCGI_LISTENSOCK = 0,
    /** sd_listen_fds(3): SD_LISTEN_FDS_START */
    SYSTEMD_FIRST_FD = 3,
};

static bool is_listening(int fd) {
    int listening = 0;
    socklen_t size = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

static int set_flags(int fd, struct error *err) {
    int status = fcntl(fd, F_GETFL);
    if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return error_set_errno(err, errno, "descriptor %d", fd);
    }
    return 0;
}

/* ---- Unix socket ---- */

/** Before anybody can connect. */
static int set_owner(const struct listen_address *address, struct error *err) {
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    if ((*address->user && identity_user_id(address->user, &uid, err) != 0) ||
        (*address->group && identity_group_id(address->group, &gid, err) != 0)) {
        return -1;
    }
    if ((*address->user || *address->group) && lchown(address->path, uid, gid) != 0) {
        error_set_errno(err, errno, "%s", address->path);
        return error_prefix(err, "owner");
    }
    return 0;
}

static int open_unix(struct listener *listener, const struct listen_address *address,
                     struct error *err) {
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return error_set_errno(err, errno, "socket");
    }
    if (socket_file_bind(&listener->file, listener->fd, address->path, address->mode, err) != 0 ||
        set_owner(address, err) != 0) {
        return -1;
    }
    if (listen(listener->fd, LISTEN_BACKLOG) != 0) {
        return error_set_errno(err, errno, "%s", address->path);
    }
    return 0;
}

/* ---- TCP ---- */

static int bind_tcp(const struct addrinfo *info) {
    int on = 1, off = 0;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    info->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (info->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0) {
        return fd;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/** Bind to the first address of `host` that works; NULL: any address. Errors: ERR_SYSTEM */
static int bind_host(struct listener *listener, const char *host, const char *port, int family,
                     struct error *err) {
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        return error_set(err, ERR_SYSTEM, "%s: %s", host ? host : "any address", gai_strerror(rc));
    }
    int reason = EADDRNOTAVAIL;
    for (const struct addrinfo *info = found; info && listener->fd < 0; info = info->ai_next) {
        listener->fd = bind_tcp(info);
        reason = errno;
    }
    freeaddrinfo(found);
    if (listener->fd < 0) {
        error_set_errno(err, reason, "%s:%s", host ? host : "", port);
        return reason == EADDRINUSE ? error_prefix(err, "in use") : -1;
    }
    return 0;
}

static int open_tcp(struct listener *listener, const struct listen_address *address,
                    struct error *err) {
    if (address->host[0] != '\0') {
        return bind_host(listener, address->host, address->port,
                         address->is_ipv6_literal ? AF_INET6 : AF_UNSPEC, err);
    }
    /* One socket for IPv6 and IPv4; a kernel may be without IPv6. */
    int rc = bind_host(listener, NULL, address->port, AF_INET6, err);
    if (rc != 0 && !(err->code == ERR_SYSTEM && err->sys_errno == EADDRINUSE)) {
        rc = bind_host(listener, NULL, address->port, AF_INET, err);
    }
    return rc;
}

/* ---- Inherited ---- */

static int take_fd(struct listener *listener, int fd, struct error *err) {
    if (!is_listening(fd)) {
        return error_set(err, ERR_USAGE, "descriptor %d is not a listening socket", fd);
    }
    listener->fd = fd;
    if (fd <= STDERR_FILENO) {
        /* Applications may read sys.stdin, and children inherit it: that must not be the socket. */
        listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (listener->fd < 0 || null < 0 || dup2(null, fd) < 0) {
            return error_set_errno(err, errno, "descriptor %d", fd);
        }
        close(null);
    }
    return set_flags(listener->fd, err);
}

/** sd_listen_fds(3). @return how many sockets systemd passed to this very process */
static long systemd_fds(void) {
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    return pid && count && strtol(pid, NULL, 10) == (long)getpid() ? strtol(count, NULL, 10) : 0;
}

static int open_inherited(struct listener *listener, struct error *err) {
    if (is_listening(FCGI_LISTENSOCK)) {
        return take_fd(listener, FCGI_LISTENSOCK, err);
    }
    long passed = systemd_fds();
    if (passed == 1) {
        /* The processes that applications start must not see them. */
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        return take_fd(listener, SYSTEMD_FIRST_FD, err);
    }
    if (passed > 1) {
        return error_set(err, ERR_USAGE,
                         "LISTEN_FDS=%ld: one listening socket is served; say which with fd:N",
                         passed);
    }
    return error_set(err, ERR_USAGE,
                     "nothing to listen on: descriptor 0 is not a listening socket; give "
                     "--listen ADDR (unix:/path, HOST:PORT), or let a web server start this");
}

int listener_open(struct listener *ret_listener, const char *address, struct error *err) {
    struct listener listener = {.fd = -1};
    int rc;
    if (!address) {
        rc = open_inherited(&listener, err);
    } else {
        struct listen_address parsed;
        rc = listen_address_parse(address, &parsed, err);
        if (rc == 0) {
            rc = parsed.kind == LISTEN_UNIX  ? open_unix(&listener, &parsed, err)
                 : parsed.kind == LISTEN_TCP ? open_tcp(&listener, &parsed, err)
                                             : take_fd(&listener, parsed.fd, err);
        }
        if (rc != 0) {
            error_prefix(err, "listen");
        }
    }
    if (rc != 0) {
        listener_close(&listener);
        return -1;
    }
    *ret_listener = listener;
    return 0;
}

bool listener_has_waiting(const struct listener *listener) {
    struct pollfd listening = {.fd = listener->fd, .events = POLLIN};
    return poll(&listening, 1, 0) == 1;
}

void listener_refuse(struct listener *listener) {
    if (listener->file.path) {
        socket_file_remove(&listener->file);
        /* connect(2) of one that has found the file already gives ECONNREFUSED from here on;
         * accept(2) gives the queued ones, then EINVAL. */
        shutdown(listener->fd, SHUT_RD);
    }
}

void listener_close(struct listener *listener) {
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
    socket_file_remove(&listener->file);
}
