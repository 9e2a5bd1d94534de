/**
 * Descriptors that go along with bytes over a Unix socket.
 *
 * @thread any  @tstate none
 * Follows: unix(7), SCM_RIGHTS
 */
#ifndef FCGI_HOST_BASE_DESCRIPTOR_H
#define FCGI_HOST_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/** With one packet: SCM_MAX_FD. */
enum { DESCRIPTORS_MAX = 253 };

/** sendmsg(), again after a signal. @return as sendmsg(): -1 with errno */
ssize_t descriptors_send(int socket, const struct iovec *parts, size_t count, const int *fds,
                         size_t fd_count);
/** The same with one. @param fd  -1: none */
ssize_t descriptor_send(int socket, const struct iovec *parts, size_t count, int fd);

/** Where to put a packet, and what came. */
struct descriptor_packet {
    void *bytes;
    size_t room;
    int *fds; /**< those that came along, CLOEXEC and the caller's */
    size_t fd_room;
    int flags; /**< of recvmsg(), beside MSG_CMSG_CLOEXEC */
    size_t ret_fd_count;
    bool ret_is_cut; /**< a part of the message, or a descriptor, did not fit */
};

/** recvmsg(), again after a signal. @return as recvmsg(): -1 with errno */
ssize_t descriptors_receive(int socket, struct descriptor_packet *packet);
/** The same with one. @param[out] ret_fd  -1: none */
ssize_t descriptor_receive(int socket, void *bytes, size_t room, int *ret_fd, bool *ret_is_cut);

#endif
