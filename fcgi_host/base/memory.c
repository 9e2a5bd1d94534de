#include "fcgi_host/base/memory.h"

#include <stdio.h>
#include <unistd.h>

static struct memory_use read_use(const char *path) {
    unsigned long long size = 0, resident = 0, file_backed = 0; /* pages */
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    struct memory_use use = {0, 0};
    FILE *file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%llu %llu %llu", &size, &resident, &file_backed) == 3) {
            use.resident_bytes = resident * page_bytes;
            use.anonymous_bytes =
                resident > file_backed ? (resident - file_backed) * page_bytes : 0;
        }
        fclose(file);
    }
    return use;
}

uint64_t memory_resident_bytes(void) {
    return read_use("/proc/self/statm").resident_bytes;
}

struct memory_use memory_use_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    return read_use(path);
}
