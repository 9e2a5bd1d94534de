#include "fcgi_host/base/descriptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union rights {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

ssize_t descriptor_send(int socket, const struct iovec *parts, size_t count, int fd) {
    struct msghdr packet = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    union rights control = {0};
    if (fd >= 0) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t descriptor_receive(int socket, void *bytes, size_t room, int *ret_fd, bool *ret_is_cut) {
    union rights control;
    struct iovec part = {bytes, room};
    struct msghdr packet = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t size;
    *ret_fd = -1;
    *ret_is_cut = false;
    do {
        size = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return -1;
    }
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof *ret_fd)) {
        memcpy(ret_fd, CMSG_DATA(rights), sizeof *ret_fd);
    }
    *ret_is_cut = packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    return size;
}
