/**
 * The resource limits that a process group may set: their names in the configuration, and values.
 *
 * Follows: setrlimit(2).
 * @thread any; pure
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_RESOURCE_LIMITS_H
#define FCGI_HOST_CONFIG_RESOURCE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

enum { RESOURCE_LIMIT_COUNT = 9 };

/** In the order of resource_limit_kinds.  All zero: none is set. */
struct resource_limits {
    struct {
        bool is_set;
        rlim_t value; /**< soft and hard; RLIM_INFINITY: unlimited */
    } items[RESOURCE_LIMIT_COUNT];
};

struct resource_limit_kind {
    const char *name; /**< after "rlimit." */
    int resource;     /**< RLIMIT_… */
};

extern const struct resource_limit_kind resource_limit_kinds[RESOURCE_LIMIT_COUNT];

#endif
