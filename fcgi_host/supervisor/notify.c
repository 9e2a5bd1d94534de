#include "fcgi_host/supervisor/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/** From the end of that time to the end of the last worker, which is killed then. */
enum { STOP_MARGIN_S = 5 };

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

/** A service manager that is stuck must not make the host stuck: it is waited for for so long. */
static const struct timeval s_patience = {.tv_sec = 1};

static bool send_state(const char *state, int flags) {
    if (s_address_bytes == 0) {
        return true;
    }
    ssize_t sent = -1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &s_patience, sizeof s_patience);
        sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | flags,
                      (const struct sockaddr *)&s_address, s_address_bytes);
        close(fd);
    }
    return sent >= 0;
}

void notify_send(const char *state) {
    send_state(state, 0);
}

bool notify_offer(const char *state) {
    return send_state(state, MSG_DONTWAIT);
}

void notify_stopping(unsigned timeout_s) {
    char state[96];
    snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
             (timeout_s + STOP_MARGIN_S) * 1000000ull);
    notify_send(state);
}

bool notify_is_heard(void) {
    return s_address_bytes > 0;
}

uint64_t notify_watchdog_ms(void) {
    return s_watchdog_ms;
}
