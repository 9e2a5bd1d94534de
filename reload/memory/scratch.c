#include "reload/memory/scratch.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>

/** A slab is one huge page, if the kernel has one: zeroed and found in one go. */
enum { SLAB_BYTES = 2 << 20, ALIGNMENT = 64 };
_Static_assert((int)SCRATCH_PIECE_BYTES_MAX + ALIGNMENT <= (int)SLAB_BYTES, "a piece fits");

struct scratch_slab {
    struct scratch_slab *next;
};

/** @return NULL: out of memory */
static struct scratch_slab *map_slab(void) {
    char *memory =
        mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    size_t before = -(uintptr_t)memory % SLAB_BYTES;
    if (before) {
        munmap(memory, before);
    }
    munmap(memory + before + SLAB_BYTES, SLAB_BYTES - before);
    madvise(memory + before, SLAB_BYTES, MADV_HUGEPAGE);
    return (struct scratch_slab *)(memory + before);
}

void *scratch_take(struct scratch *scratch, size_t bytes) {
    assert(bytes <= SCRATCH_PIECE_BYTES_MAX);
    bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!scratch->slabs || scratch->left < bytes) {
        struct scratch_slab *slab = map_slab();
        if (!slab) {
            return NULL;
        }
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
