#include "fcgi_host/supervisor/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un s_address;
static socklen_t s_address_bytes; /* 0: no service manager listens */
static uint64_t s_watchdog_ms;

static void read_socket(const char *path) {
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof s_address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    s_address.sun_family = AF_UNIX;
    memcpy(s_address.sun_path, path, length);
    if (path[0] == '@') {
        s_address.sun_path[0] = '\0'; /* the abstract namespace */
    }
    s_address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void read_watchdog(const char *microseconds, const char *pid) {
    if (microseconds && (!pid || strtoll(pid, NULL, 10) == getpid())) {
        s_watchdog_ms = strtoull(microseconds, NULL, 10) / 2000;
    }
}

void notify_start(void) {
    read_socket(getenv("NOTIFY_SOCKET"));
    read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_send(const char *state) {
    if (s_address_bytes == 0) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&s_address,
               s_address_bytes);
        close(fd);
    }
}

uint64_t notify_watchdog_ms(void) {
    return s_watchdog_ms;
}
