#include "fcgi_host/base/memory.h"

#include <stdio.h>
#include <unistd.h>

uint64_t memory_resident_bytes(void) {
    unsigned long long size = 0, resident = 0; /* pages */
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%llu %llu", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
