/* Idle kept-open connections go from a worker that is replaced to the one that replaces it: closing
 * them would race with the web server's next request, which it may not be able to repeat. */
#include <poll.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/worker/worker_internal.h"

/** How long the heir may take to make room in its socket: its intake thread never blocks. */
enum { HAND_OVER_TIMEOUT_MS = 1000 };

bool worker_hand_over(void *ctx, int fd) {
    const struct worker *worker = ctx;
    struct error err;
    if (worker->heir_fd < 0) {
        return false;
    }
    const struct channel_outgoing connection = {.type = CHANNEL_CONNECTION, .fd = &fd};
    while (channel_send(worker->heir_fd, &connection, &err)) {
        struct pollfd wanted = {.fd = worker->heir_fd, .events = POLLOUT};
        if (err.code != ERR_BUSY || poll(&wanted, 1, HAND_OVER_TIMEOUT_MS) != 1) {
            return false;
        }
    }
    return true;
}

static void connection_came(void *ctx, int fd) {
    struct worker *worker = ctx;
    struct channel_message message;
    struct error err;
    for (;;) {
        if (channel_receive(fd, &message, &err)) {
            break;
        }
        if (message.fd >= 0) {
            intake_adopt_idle(worker->intake, message.fd);
        }
    }
    if (err.code != ERR_BUSY) { /* the old worker has ended */
        intake_remove_fd(worker->intake, fd);
        close(fd);
    }
}

void worker_adopt_from(struct worker *worker, int fd) {
    struct error err;
    if (!worker->intake) {
        worker->legacy_fd = fd; /* until it runs (worker.c) */
    } else if (intake_add_fd(worker->intake, fd, connection_came, worker, &err)) {
        log_line(LOG_WARN, "worker.channel", NULL, "idle connections are lost: %s", err.text);
        close(fd);
    }
}
