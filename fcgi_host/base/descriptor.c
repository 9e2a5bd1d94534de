#include "fcgi_host/base/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union rights {
    char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    struct cmsghdr align;
};

ssize_t descriptors_send(int socket, const struct iovec *parts, size_t count, const int *fds,
                         size_t fd_count) {
    assert(fd_count <= DESCRIPTORS_MAX);
    struct msghdr packet = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    union rights control;
    size_t fds_bytes = fd_count * sizeof *fds;
    if (fd_count > 0) {
        packet.msg_control = memset(control.bytes, 0, CMSG_SPACE(fds_bytes));
        packet.msg_controllen = CMSG_SPACE(fds_bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds_bytes);
        memcpy(CMSG_DATA(rights), fds, fds_bytes);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t descriptor_send(int socket, const struct iovec *parts, size_t count, int fd) {
    return descriptors_send(socket, parts, count, &fd, fd >= 0);
}

ssize_t descriptors_receive(int socket, struct descriptor_packet *packet) {
    assert(packet->fd_room <= DESCRIPTORS_MAX);
    union rights control;
    struct iovec part = {packet->bytes, packet->room};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_LEN(packet->fd_room * sizeof(int)), /* the kernel keeps the rest */
    };
    ssize_t size;
    packet->ret_fd_count = 0;
    packet->ret_is_cut = false;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | packet->flags);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return -1;
    }
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        packet->ret_fd_count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(packet->fds, CMSG_DATA(rights), packet->ret_fd_count * sizeof(int));
    }
    packet->ret_is_cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    return size;
}

ssize_t descriptor_receive(int socket, void *bytes, size_t room, int *ret_fd, bool *ret_is_cut) {
    struct descriptor_packet packet = {.bytes = bytes, .room = room, .fds = ret_fd, .fd_room = 1};
    *ret_fd = -1;
    ssize_t size = descriptors_receive(socket, &packet);
    *ret_is_cut = packet.ret_is_cut;
    return size;
}
