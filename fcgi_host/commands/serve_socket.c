#include "fcgi_host/commands/serve_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SERVE_BACKLOG = 128 };

/* Said here, before anything is started: the web server's own message comes late and is long. */
int serve_socket_check_port(unsigned port, struct error *err) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0;
    int reason = errno;
    close(fd);
    return failed ? error_set_errno(err, reason, "port %u", port) : 0;
}

/* Nobody else may talk to the host: who can, says which user a request is from. */
int serve_socket_open(const char *path, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    int failed = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
                 listen(fd, SERVE_BACKLOG) != 0;
    int reason = errno;
    umask(before);
    if (failed) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set_errno(err, reason, "%s", path);
    }
    return fd;
}

int serve_socket_let_in(const char *folder, const char *path, const char *name, struct error *err) {
    if (!name) {
        return 0;
    }
    struct passwd user, *found = NULL;
    char text[4096];
    if (getpwnam_r(name, &user, text, sizeof text, &found) != 0 || !found) {
        return error_set(err, ERR_NOT_FOUND, "there is no user %s", name);
    }
    if (chown(folder, (uid_t)-1, user.pw_gid) != 0 || chmod(folder, 0710) != 0 ||
        chown(path, user.pw_uid, (gid_t)-1) != 0) {
        return error_set_errno(err, errno, "%s", folder);
    }
    return 0;
}
