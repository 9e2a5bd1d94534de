#include "fcgi_host/base/memory_room.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "fcgi_host/base/control_group.h"

/** The files of one version of control groups. */
struct version {
    const char *limit, *usage, *statistics;
    const char *inactive; /**< in the statistics: page cache that can be taken back */
};

static const struct version s_v2 = {"memory.max", "memory.current", "memory.stat", "inactive_file"};
static const struct version s_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat",
                                    "total_inactive_file"};

/** @return the number in a file; UINT64_MAX: "max", or there is none */
static uint64_t read_number(const char *folder, const char *name) {
    char path[PATH_MAX];
    unsigned long long number;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return UINT64_MAX;
    }
    FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%llu", &number) != 1) {
        number = UINT64_MAX;
    }
    if (file) {
        fclose(file);
    }
    return number;
}

static uint64_t room_in(const char *folder, const struct version *version) {
    char statistics[PATH_MAX];
    uint64_t limit = read_number(folder, version->limit);
    uint64_t usage = read_number(folder, version->usage);
    if (limit == UINT64_MAX || usage == UINT64_MAX ||
        snprintf(statistics, sizeof statistics, "%s/%s", folder, version->statistics) >=
            (int)sizeof statistics) {
        return UINT64_MAX;
    }
    uint64_t inactive = control_group_field(statistics, version->inactive);
    usage -= inactive < usage ? inactive : usage;
    return limit > usage ? limit - usage : 0;
}

static bool look(void *ctx, const char *folder, bool is_v2) {
    uint64_t *least = ctx;
    uint64_t room = room_in(folder, is_v2 ? &s_v2 : &s_v1);
    *least = room < *least ? room : *least;
    return false; /* the limits above hold as well */
}

uint64_t memory_room_bytes(const char *mounts, const char *own) {
    uint64_t least = UINT64_MAX;
    control_group_walk(mounts, own, "memory", look, &least);
    return least;
}

uint64_t memory_own_bytes(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return (control_group_field(path, "Private_Dirty") + control_group_field(path, "Private_Clean"))
           << 10;
}
