/**
 * The file of a Unix socket: made with its mode, put in place of one that a dead process left, and
 * removed by the process that made it.
 *
 * Only a socket that nobody answers at is ever replaced, and only the inode that was made here is
 * ever removed: whatever else has the name by then is somebody's.
 *
 * @thread one at a time (umask)  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SOCKET_FILE_H
#define FCGI_HOST_SUPERVISOR_SOCKET_FILE_H

#include <sys/types.h>

#include "pool/base/error.h"

struct socket_file {
    char *path; /**< absolute; NULL: none */
    dev_t device;
    ino_t inode;
};

/**
 * Bind a Unix socket to `path`, with `mode` before the first client can connect.
 * @param path  at most 107 bytes: unix(7)
 * @return 0, or -1: ERR_SYSTEM (EADDRINUSE: a process answers there)
 * @owns   the caller: socket_file_remove()
 */
int socket_file_bind(struct socket_file *ret_file, int fd, const char *path, mode_t mode,
                     struct error *err);
/** Remove it, unless another process has taken over the path. One without a path is fine. */
void socket_file_remove(struct socket_file *file);

#endif
