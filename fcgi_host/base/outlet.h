/**
 * A descriptor that is written to without blocking, though others share its open file description,
 * whose O_NONBLOCK is theirs as well: the terminal, the spawner, the children of applications.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_BASE_OUTLET_H
#define FCGI_HOST_BASE_OUTLET_H

#include <stddef.h>
#include <sys/types.h>

/** How it is kept from blocking. */
enum outlet_method {
    OUTLET_FILE, /**< it does not block: nobody has to read it */
    OUTLET_SEND, /**< a socket: MSG_DONTWAIT */
    OUTLET_OWN,  /**< a pipe or terminal: an open file description of our own, with O_NONBLOCK */
    OUTLET_WAIT, /**< another user's pipe, or no /proc: it does block */
};

struct outlet {
    enum outlet_method method;
    int fd;     /**< stays the caller's, and open */
    int own_fd; /**< never closed, only pointed elsewhere; -1: none yet */
};

#define OUTLET_NONE ((struct outlet){.fd = -1, .own_fd = -1})

/** Write to `fd` from now on, or to what it refers to since it was pointed elsewhere. */
void outlet_use(struct outlet *outlet, int fd);

/** As write(2); EAGAIN: it takes nothing at present.  With OUTLET_WAIT it writes at most what a
 *  pipe takes whole, when poll(2) says that there is room: as near as one gets. */
ssize_t outlet_write(const struct outlet *outlet, const void *bytes, size_t size);

/** The descriptor to wait at until it takes more. */
int outlet_poll_fd(const struct outlet *outlet);

#endif
