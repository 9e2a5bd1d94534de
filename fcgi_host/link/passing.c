#include "fcgi_host/link/passing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fcgi_host/link/channel.h"

/** The connection, and a memory file if the bytes have one. */
enum { MOST_DESCRIPTORS = 2 };

/** At the beginning of the packet; then the bytes, unless they are in a memory file. */
struct header {
    uint64_t size;
    uint32_t is_kept;
    uint32_t is_in_file;
};

union rights {
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
};

/* ---- Sending ---- */

/** @return 0, or -1 with errno */
static int send_packet(int channel_fd, const struct passed_connection *connection, int file) {
    struct header header = {
        .size = connection->size, .is_kept = connection->is_kept, .is_in_file = file >= 0};
    struct iovec parts[] = {{&header, sizeof header}, {connection->bytes, connection->size}};
    union rights rights = {0};
    const int fds[MOST_DESCRIPTORS] = {connection->fd, file};
    size_t fds_bytes = (file >= 0 ? 2 : 1) * sizeof fds[0];
    struct msghdr packet = {
        .msg_iov = parts,
        .msg_iovlen = file >= 0 ? 1 : 2,
        .msg_control = rights.bytes,
        .msg_controllen = CMSG_SPACE(fds_bytes),
    };
    struct cmsghdr *message = CMSG_FIRSTHDR(&packet);
    message->cmsg_level = SOL_SOCKET;
    message->cmsg_type = SCM_RIGHTS;
    message->cmsg_len = CMSG_LEN(fds_bytes);
    memcpy(CMSG_DATA(message), fds, fds_bytes);
    ssize_t sent;
    do {
        sent = sendmsg(channel_fd, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static int explain(int why, struct error *err) {
    if (why == EPIPE || why == ECONNRESET) {
        return error_set(err, ERR_CLOSED, "the other worker has ended");
    }
    if (why == EAGAIN) {
        return error_set(err, ERR_BUSY, "the other worker does not read");
    }
    return error_set_errno(err, why, "passing a connection");
}

int passing_send(int channel_fd, const struct passed_connection *connection, struct error *err) {
    if (connection->size <= PASSING_PACKET_BYTES) {
        if (send_packet(channel_fd, connection, -1) == 0) {
            return 0;
        }
        if (errno != EMSGSIZE) { /* the administrator may allow less than 16 KiB in a socket */
            return explain(errno, err);
        }
    }
    int file = channel_make_file((const char *)connection->bytes, connection->size, err);
    if (file < 0) {
        return -1;
    }
    int outcome = send_packet(channel_fd, connection, file);
    outcome = outcome ? explain(errno, err) : 0;
    close(file);
    return outcome;
}

/* ---- Receiving ---- */

/** What came along. @param[out] ret_fds  -1 where there is none */
static void take_rights(struct msghdr *packet, int ret_fds[MOST_DESCRIPTORS]) {
    struct cmsghdr *message = CMSG_FIRSTHDR(packet);
    ret_fds[0] = ret_fds[1] = -1;
    if (message && message->cmsg_level == SOL_SOCKET && message->cmsg_type == SCM_RIGHTS) {
        size_t bytes = message->cmsg_len - CMSG_LEN(0);
        size_t most = MOST_DESCRIPTORS * sizeof ret_fds[0];
        memcpy(ret_fds, CMSG_DATA(message), bytes < most ? bytes : most);
    }
}

static int copy_bytes(const uint8_t *bytes, size_t size, struct passed_connection *connection,
                      struct error *err) {
    connection->size = size;
    if (size > 0) {
        connection->bytes = malloc(size);
        if (!connection->bytes) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
        memcpy(connection->bytes, bytes, size);
    }
    return 0;
}

/** @param fds  -1 is put in place of what was taken */
static int decode(const uint8_t *packet, size_t size, int fds[MOST_DESCRIPTORS],
                  struct passed_connection *connection, struct error *err) {
    struct header header;
    if (size < sizeof header) {
        return error_set(err, ERR_PROTOCOL, "a connection was passed without its header");
    }
    memcpy(&header, packet, sizeof header);
    *connection = (struct passed_connection){.fd = fds[0], .is_kept = header.is_kept};
    size_t here = size - sizeof header;
    if (fds[0] < 0 || (header.is_in_file ? fds[1] < 0 : here != header.size)) {
        return error_set(err, ERR_PROTOCOL, "a connection was passed incompletely");
    }
    if (header.is_in_file) {
        int file = fds[1];
        fds[1] = -1;
        connection->bytes = (uint8_t *)channel_take_file(file, &connection->size, err);
        return connection->bytes ? 0 : -1;
    }
    return copy_bytes(packet + sizeof header, here, connection, err);
}

static void close_all(const int fds[MOST_DESCRIPTORS]) {
    for (int i = 0; i < MOST_DESCRIPTORS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

int passing_receive(int channel_fd, struct passed_connection *ret_connection, struct error *err) {
    uint8_t bytes[sizeof(struct header) + PASSING_PACKET_BYTES];
    union rights rights;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr packet = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = rights.bytes,
        .msg_controllen = sizeof rights.bytes,
    };
    ssize_t size;
    do {
        size = recvmsg(channel_fd, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size == 0) {
        return error_set(err, ERR_CLOSED, "the other worker has ended");
    }
    if (size < 0) {
        return explain(errno, err);
    }
    int fds[MOST_DESCRIPTORS];
    take_rights(&packet, fds);
    if (decode(bytes, (size_t)size, fds, ret_connection, err)) {
        close_all(fds);
        return -1;
    }
    return 0;
}
