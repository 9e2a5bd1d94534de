#include "fcgi_host/supervisor/socket_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_inode(const char *path, dev_t device, ino_t inode) {
    struct stat now;
    return lstat(path, &now) == 0 && now.st_dev == device && now.st_ino == inode;
}

/** Remove the socket of a process that has gone.
 *  @return 0, or -1: another process listens there, or it is no socket */
static int remove_stale(const struct sockaddr_un *address, struct error *err) {
    const char *path = address->sun_path;
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "%s", path);
    }
    if (!S_ISSOCK(status.st_mode)) { /* connect(2) refuses an ordinary file, too */
        return error_set(err, ERR_SYSTEM, "%s exists and is not a socket", path);
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return error_set_errno(err, errno, "socket");
    }
    int rc = connect(probe, (const struct sockaddr *)address, sizeof *address);
    int reason = rc == 0 ? EADDRINUSE : errno;
    close(probe);
    if (reason == ECONNREFUSED && is_inode(path, status.st_dev, status.st_ino)) {
        rc = unlink(path);
        return rc != 0 && errno != ENOENT ? error_set_errno(err, errno, "%s", path) : 0;
    }
    if (reason == ECONNREFUSED || reason == ENOENT) {
        return 0; /* it has gone: bind() says whether another took its place */
    }
    if (reason == EADDRINUSE || reason == EAGAIN) { /* EAGAIN: its backlog is full */
        error_set_errno(err, EADDRINUSE, "%s", path);
        return error_prefix(err, "in use");
    }
    return error_set_errno(err, reason, "%s", path);
}

static int bind_or_replace(int fd, const struct sockaddr_un *address, struct error *err) {
    const struct sockaddr *name = (const struct sockaddr *)address;
    if (bind(fd, name, sizeof *address) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return error_set_errno(err, errno, "%s", address->sun_path);
    }
    if (remove_stale(address, err) != 0) {
        return -1;
    }
    if (bind(fd, name, sizeof *address) != 0) {
        return error_set_errno(err, errno, "%s", address->sun_path);
    }
    return 0;
}

int socket_file_bind(struct socket_file *ret_file, int fd, const char *path, mode_t mode,
                     struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat made;
    if (strlen(path) >= sizeof address.sun_path) {
        return error_set(err, ERR_SYSTEM, "%s: too long for a socket", path);
    }
    memcpy(address.sun_path, path, strlen(path));
    mode_t umask_before = umask(0777 & ~mode);
    int rc = bind_or_replace(fd, &address, err);
    umask(umask_before);
    if (rc != 0) {
        return -1;
    }
    char *absolute = realpath(path, NULL); /* it is removed from any working directory */
    if (!absolute || lstat(absolute, &made) != 0) {
        error_set_errno(err, errno, "%s", path);
        free(absolute);
        return -1;
    }
    *ret_file = (struct socket_file){.path = absolute, .device = made.st_dev, .inode = made.st_ino};
    return 0;
}

void socket_file_remove(struct socket_file *file) {
    if (file->path && is_inode(file->path, file->device, file->inode)) {
        unlink(file->path);
    }
    free(file->path);
    *file = (struct socket_file){0};
}
