/**
 * Zeroed memory for the length of one check: taken from the kernel and given back whole, so that a
 * check leaves nothing behind in the heap of the process that it looks at.
 *
 * @thread one at a time  @tstate any
 * Follows: mmap(2)
 */
#ifndef RELOAD_MEMORY_SCRATCH_H
#define RELOAD_MEMORY_SCRATCH_H

#include <stddef.h>

struct scratch_slab;

/** {0} is an empty one. */
struct scratch {
    struct scratch_slab *slabs; /**< the newest first */
    size_t left;                /**< free bytes at the end of the newest */
};

/** The largest piece. */
enum { SCRATCH_PIECE_BYTES_MAX = 256 << 10 };

/** Zeroed memory, aligned to 64 bytes. @return NULL: out of memory @owns scratch_clear() */
void *scratch_take(struct scratch *scratch, size_t bytes);
/** Give everything back. */
void scratch_clear(struct scratch *scratch);

#endif
