#include "fcgi_host/link/shared_memory.h"

#include <errno.h>
#include <sys/mman.h>

void *shared_memory_new(size_t bytes, struct error *err) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        error_set_errno(err, errno, "mmap");
        return NULL;
    }
    return memory;
}
