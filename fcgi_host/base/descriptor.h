/**
 * A descriptor that goes along with bytes over a Unix socket (unix(7), SCM_RIGHTS).
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_BASE_DESCRIPTOR_H
#define FCGI_HOST_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/** sendmsg(), again after a signal. @param fd  to go along; -1: none
 *  @return as sendmsg(): -1 with errno */
ssize_t descriptor_send(int socket, const struct iovec *parts, size_t count, int fd);

/**
 * recvmsg(), again after a signal.
 * @param[out] ret_fd      that came along, CLOEXEC and the caller's; -1: none
 * @param[out] ret_is_cut  a part of the message did not fit
 * @return as recvmsg(): -1 with errno
 */
ssize_t descriptor_receive(int socket, void *bytes, size_t room, int *ret_fd, bool *ret_is_cut);

#endif
