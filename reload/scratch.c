#include "reload/scratch.h"

#include <assert.h>
#include <sys/mman.h>

enum { SLAB_BYTES = 512 << 10, ALIGNMENT = 64 };
_Static_assert((int)SCRATCH_PIECE_BYTES_MAX + ALIGNMENT <= (int)SLAB_BYTES, "a piece fits");

struct scratch_slab {
    struct scratch_slab *next;
};

void *scratch_take(struct scratch *scratch, size_t bytes) {
    assert(bytes <= SCRATCH_PIECE_BYTES_MAX);
    bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!scratch->slabs || scratch->left < bytes) {
        /* Nearly all of it will be written: one call is cheaper than a fault for each page. */
        void *memory = mmap(NULL, SLAB_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) {
            return NULL;
        }
        struct scratch_slab *slab = memory;
        slab->next = scratch->slabs;
        scratch->slabs = slab;
        scratch->left = SLAB_BYTES - ALIGNMENT;
    }
    char *end = (char *)scratch->slabs + SLAB_BYTES;
    void *piece = end - scratch->left;
    scratch->left -= bytes;
    return piece;
}

void scratch_clear(struct scratch *scratch) {
    while (scratch->slabs) {
        struct scratch_slab *slab = scratch->slabs;
        scratch->slabs = slab->next;
        munmap(slab, SLAB_BYTES);
    }
    scratch->left = 0;
}
