#include "fcgi_host/supervisor/memory_room.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The files of one version of control groups. */
struct version {
    const char *folder; /**< below the mounts */
    const char *limit, *usage, *statistics;
    const char *inactive; /**< in the statistics: page cache that can be taken back */
};

static const struct version s_v2 = {"", "memory.max", "memory.current", "memory.stat",
                                    "inactive_file"};
static const struct version s_v1 = {"/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                    "memory.stat", "total_inactive_file"};

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

/** @return the number behind a word at the begin of a line of `path`; 0: there is none */
static uint64_t read_field(const char *path, const char *word) {
    char line[256];
    unsigned long long number = 0;
    size_t length = strlen(word);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == ':')) {
            number = strtoull(line + length + 1, NULL, 10);
            break;
        }
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
    uint64_t inactive = read_field(statistics, version->inactive);
    usage -= inactive < usage ? inactive : usage;
    return limit > usage ? limit - usage : 0;
}

/** The least room in a group and those above it. @param path  "/…", of the group; changed */
static uint64_t room_up_from(const char *mounts, const struct version *version, char *path) {
    char folder[PATH_MAX];
    uint64_t least = UINT64_MAX;
    for (;;) {
        if (snprintf(folder, sizeof folder, "%s%s%s", mounts, version->folder, path) <
            (int)sizeof folder) {
            uint64_t room = room_in(folder, version);
            least = room < least ? room : least;
        }
        char *slash = strrchr(path, '/');
        if (!slash) {
            return least;
        }
        *slash = '\0';
    }
}

uint64_t memory_room_bytes(const char *mounts, const char *groups) {
    char line[PATH_MAX];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen(groups, "re");
    while (file && fgets(line, sizeof line, file)) { /* "ID:CONTROLLERS:PATH" */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) {
            continue;
        }
        *path++ = '\0';
        bool is_v2 = strcmp(line, "0:") == 0, is_v1 = strcmp(controllers + 1, "memory") == 0;
        if (is_v2 || is_v1) {
            uint64_t room = room_up_from(mounts, is_v2 ? &s_v2 : &s_v1, path);
            least = room < least ? room : least;
        }
    }
    if (file) {
        fclose(file);
    }
    return least;
}

uint64_t memory_own_bytes(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return (read_field(path, "Private_Dirty") + read_field(path, "Private_Clean")) << 10;
}
