/**
 * Memory that extensions map for themselves (mmap()): no heap, and in no image.
 *
 * This file defines mmap() and munmap() in the executable (stand_in.h), and notes the private,
 * writable, anonymous mappings that extensions make, until they unmap them.
 * Not caught: mappings that are moved or grown, and calls of the kernel past the C library.
 *
 * @thread any  @tstate any
 */
#ifndef RELOAD_MEMORY_MAPPINGS_H
#define RELOAD_MEMORY_MAPPINGS_H

#include <stddef.h>
#include <stdint.h>

struct mapping {
    uintptr_t start;
    size_t bytes;
    uintptr_t caller; /**< where mmap() was called from */
};

/** Larger ones, and more of them, belong to other allocators: not noted. */
enum { MAPPING_BYTES_MAX = 64 << 20, MAPPINGS_MAX = 256 };

/** Copy the mappings that are there now. @return how many */
size_t mappings_copy(struct mapping ret_mappings[MAPPINGS_MAX]);

#endif
