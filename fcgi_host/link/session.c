#include "fcgi_host/link/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fcgi_host/base/descriptor.h"

int session_pair(int fds[2], struct error *err) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
        return error_set_errno(err, errno, "socketpair");
    }
    return 0;
}

void session_set_blocking(int fd, bool is_blocking) {
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int send_packet(int fd, enum session_type type, const char *bytes, size_t size,
                       struct error *err) {
    const char letter = (char)type;
    const struct iovec parts[] = {{(void *)&letter, 1}, {(void *)bytes, size}};
    if (descriptor_send(fd, parts, 2, -1) >= 0) {
        return 0;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
        return error_set(err, ERR_CLOSED, "the other side has gone");
    }
    return error_set_errno(err, errno, "session");
}

int session_send(int fd, enum session_type type, const char *bytes, size_t size,
                 struct error *err) {
    do {
        size_t part = size < SESSION_PACKET_BYTES ? size : SESSION_PACKET_BYTES;
        if (send_packet(fd, type, bytes, part, err)) {
            return -1;
        }
        bytes += part;
        size -= part;
    } while (size > 0);
    return 0;
}

int session_say(int fd, enum session_type type, const char *text, struct error *err) {
    return session_send(fd, type, text, strlen(text), err);
}

int session_receive(int fd, struct session_packet *packet, struct error *err) {
    char letter;
    struct iovec parts[] = {{&letter, 1}, {packet->bytes, SESSION_PACKET_BYTES}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    bool is_reset = false, was_reset;
    ssize_t size;
    do {
        /* The other side has not read all before it closed: what it has said comes after that. */
        was_reset = is_reset;
        size = recvmsg(fd, &message, 0);
        is_reset = size < 0 && errno == ECONNRESET;
    } while (size < 0 && (errno == EINTR || (is_reset && !was_reset)));
    if (size == 0 || (size < 0 && errno == ECONNRESET)) {
        return error_set(err, ERR_CLOSED, "the other side has gone");
    }
    if (size < 0) {
        return errno == EAGAIN ? error_set(err, ERR_TIMEOUT, "the other side says nothing")
                               : error_set_errno(err, errno, "session");
    }
    if (message.msg_flags & MSG_TRUNC) {
        return error_set(err, ERR_PROTOCOL, "session: a packet is too long");
    }
    packet->type = (enum session_type)letter;
    packet->size = (size_t)size - 1;
    packet->bytes[packet->size] = '\0';
    return 0;
}

/** Wait no longer than SESSION_ANSWER_MS for a packet. */
static void limit_silence(int fd) {
    const struct timeval limit = {.tv_sec = SESSION_ANSWER_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

int session_receive_order(int fd, session_take_function *take, void *ctx, struct error *err) {
    struct session_packet *packet = malloc(sizeof *packet);
    int rc = packet ? 0 : error_set(err, ERR_MEMORY, "out of memory");
    limit_silence(fd);
    while (rc == 0 && (rc = session_receive(fd, packet, err)) == 0 &&
           packet->type != SESSION_START) {
        rc = take(ctx, packet, err);
    }
    free(packet);
    return rc;
}

void session_end(int fd, int status, const char *text) {
    char end[sizeof((struct error *)0)->text + 2];
    snprintf(end, sizeof end, "%d%s", status, text);
    session_say(fd, SESSION_END, end, NULL);
}
