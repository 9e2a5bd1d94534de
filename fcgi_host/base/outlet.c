#include "fcgi_host/base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/** @return whether `own_fd` is now a non-blocking description of what `fd` refers to */
static bool open_own(struct outlet *outlet) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", outlet->fd);
    int opened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened < 0) {
        return false;
    }
    if (outlet->own_fd < 0) {
        /* The numbers of standard streams are left to code that expects these there. */
        outlet->own_fd = fcntl(opened, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        /* Somebody may be waiting at this number. */
        dup3(opened, outlet->own_fd, O_CLOEXEC);
    }
    close(opened);
    return outlet->own_fd >= 0;
}

static enum outlet_method choose_method(struct outlet *outlet) {
    struct stat status;
    if (fstat(outlet->fd, &status) != 0) {
        return OUTLET_FILE;
    }
    if (S_ISSOCK(status.st_mode)) {
        return OUTLET_SEND;
    }
    bool must_be_read = S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(outlet->fd));
    return !must_be_read ? OUTLET_FILE : open_own(outlet) ? OUTLET_OWN : OUTLET_WAIT;
}

void outlet_use(struct outlet *outlet, int fd) {
    outlet->fd = fd;
    outlet->method = choose_method(outlet);
}

int outlet_poll_fd(const struct outlet *outlet) {
    return outlet->method == OUTLET_OWN ? outlet->own_fd : outlet->fd;
}

ssize_t outlet_write(const struct outlet *outlet, const void *bytes, size_t size) {
    struct pollfd target = {.fd = outlet->fd, .events = POLLOUT};
    switch (outlet->method) {
    case OUTLET_SEND:
        return send(outlet->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case OUTLET_OWN:
        return write(outlet->own_fd, bytes, size);
    case OUTLET_WAIT:
        if (poll(&target, 1, 0) != 1) {
            errno = EAGAIN;
            return -1;
        }
        return write(outlet->fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
    case OUTLET_FILE:
        break;
    }
    return write(outlet->fd, bytes, size);
}
