#include "fcgi_host/link/passing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/base/descriptor.h"
#include "fcgi_host/link/channel.h"

/** The connection, and a memory file if the bytes have one. */
enum { MOST_DESCRIPTORS = 2 };

/** At the beginning of the packet; then the bytes, unless they are in a memory file. */
struct header {
    uint64_t size;
    uint32_t is_kept;
    uint32_t is_in_file;
};

/* ---- Sending ---- */

/** @return 0, or -1 with errno */
static int send_packet(int channel_fd, const struct passed_connection *connection, int file) {
    struct header header = {
        .size = connection->size, .is_kept = connection->is_kept, .is_in_file = file >= 0};
    const struct iovec parts[] = {{&header, sizeof header}, {connection->bytes, connection->size}};
    const int fds[MOST_DESCRIPTORS] = {connection->fd, file};
    bool is_in_file = file >= 0;
    ssize_t sent = descriptors_send(channel_fd, parts, is_in_file ? 1 : 2, fds, is_in_file ? 2 : 1);
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
    int fds[MOST_DESCRIPTORS] = {-1, -1};
    struct descriptor_packet packet = {.bytes = bytes,
                                       .room = sizeof bytes,
                                       .fds = fds,
                                       .fd_room = MOST_DESCRIPTORS,
                                       .flags = MSG_DONTWAIT};
    ssize_t size = descriptors_receive(channel_fd, &packet);
    if (size == 0) {
        return error_set(err, ERR_CLOSED, "the other worker has ended");
    }
    if (size < 0) {
        return explain(errno, err);
    }
    if (decode(bytes, (size_t)size, fds, ret_connection, err)) {
        close_all(fds);
        return -1;
    }
    return 0;
}
