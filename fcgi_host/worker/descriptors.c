#include "fcgi_host/worker/descriptors.h"

#include <sys/resource.h>

enum {
    /** Descriptors that are not for connections: libraries, files that applications open. */
    RESERVED_DESCRIPTORS = 64,
    MOST_CONNECTIONS = 65536,
};

unsigned descriptors_for_connections(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur <= 2 * RESERVED_DESCRIPTORS) {
        return RESERVED_DESCRIPTORS / 2;
    }
    rlim_t connections = limit.rlim_cur - RESERVED_DESCRIPTORS;
    return connections < MOST_CONNECTIONS ? (unsigned)connections : MOST_CONNECTIONS;
}
