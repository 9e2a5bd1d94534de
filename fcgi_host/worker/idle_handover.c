#include "fcgi_host/worker/idle_handover.h"

#include <poll.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"

/** The successor's intake thread never blocks: it soon makes room in its socket. */
enum { HAND_OVER_TIMEOUT_MS = 1000 };

void idle_handover_init(struct idle_handover *handover) {
    *handover = (struct idle_handover){.successor_fd = -1, .predecessor_fd = -1};
}

bool idle_handover_give(const struct idle_handover *handover, int fd) {
    struct error err;
    if (handover->successor_fd < 0) {
        return false;
    }
    const struct channel_outgoing connection = {.type = CHANNEL_CONNECTION, .fd = &fd};
    while (channel_send(handover->successor_fd, &connection, &err)) {
        struct pollfd wanted = {.fd = handover->successor_fd, .events = POLLOUT};
        if (err.code != ERR_BUSY || poll(&wanted, 1, HAND_OVER_TIMEOUT_MS) != 1) {
            return false;
        }
    }
    return true;
}

static void take_connections(void *ctx, int fd) {
    struct idle_handover *handover = ctx;
    struct channel_message message;
    struct error err;
    while (channel_receive(fd, &message, &err) == 0) {
        if (message.fd >= 0) {
            intake_adopt_idle(handover->intake, message.fd);
        }
    }
    if (err.code != ERR_BUSY) { /* the predecessor has ended */
        intake_remove_fd(handover->intake, fd);
        close(fd);
    }
}

void idle_handover_adopt(struct idle_handover *handover, int fd) {
    struct error err;
    if (!handover->intake) {
        handover->predecessor_fd = fd;
    } else if (intake_add_fd(handover->intake, fd, take_connections, handover, &err)) {
        log_line(LOG_WARN, "worker.channel", NULL, "idle connections are lost: %s", err.text);
        close(fd);
    }
}

void idle_handover_attach(struct idle_handover *handover, struct intake *intake) {
    handover->intake = intake;
    if (handover->predecessor_fd >= 0) {
        idle_handover_adopt(handover, handover->predecessor_fd);
    }
}
