#include "fcgi_host/base/system_log.h"

#include <string.h>
#include <syslog.h>

void system_log_open(void) {
    openlog("fcgi_host", LOG_PID, LOG_DAEMON);
}

void system_log_write(const char *lines, size_t size) {
    for (const char *end = lines + size; lines < end;) {
        const char *newline = memchr(lines, '\n', (size_t)(end - lines));
        syslog(LOG_INFO, "%.*s", (int)(newline - lines), lines);
        lines = newline + 1;
    }
}
