#include "fcgi_host/commands/audit_say.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 }; /* at most PIPE_BUF: threads' lines do not mix */

void audit_say_fields(int fd, unsigned count, const char *const *fields) {
    char line[LINE_BYTES];
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        for (const char *at = fields[i]; *at && used + 2 < sizeof line; at++) {
            line[used++] = (unsigned char)*at < 0x20 || *at == 0x7F ? ' ' : *at;
        }
        if (used + 1 < sizeof line) {
            line[used++] = i + 1 < count ? '\t' : '\n';
        }
    }
    line[used - 1] = '\n';
    for (size_t done = 0; done < used;) {
        ssize_t written = write(fd, line + done, used - done);
        if (written < 0) {
            _exit(EXIT_FAILURE); /* the parent has ended */
        }
        done += (size_t)written;
    }
}
