/**
 * Heap blocks that are free: whatever stands in them, nobody keeps it there.
 *
 * Of CPython's small objects those in a pool's list of free blocks and those that were never given
 * out; of malloc's (glibc) those in a thread's cache, which look as if they were in use.
 *
 * @thread one at a time  @tstate attached, GIL held from the first question to heap_free_clear()
 * Follows: CPython Objects/obmalloc.c; glibc malloc/malloc.c, struct tcache_entry
 */
#ifndef RELOAD_OBJECTS_HEAP_FREE_H
#define RELOAD_OBJECTS_HEAP_FREE_H

#include <stdbool.h>
#include <stdint.h>

#include "reload/memory/address_set.h"

/** {0} knows nothing yet. */
struct heap_free {
    struct address_set pools; /**< looked at → where the blocks begin that were never given out */
    struct address_set blocks; /**< free ones of these pools */
    uintptr_t cache_key;       /**< stands in the blocks of malloc's caches; 0: not known */
    bool out_of_memory;        /**< some free blocks are not known */
};

/** Whether the block that starts at an address (heap_block.h) is free. */
bool heap_free_has(struct heap_free *free, uintptr_t start);
void heap_free_clear(struct heap_free *free);

#endif
