/**
 * Heap blocks that C code keeps pointers to.
 *
 * @thread any  @tstate any
 * Follows: glibc malloc/malloc.c, struct malloc_chunk
 */
#ifndef RELOAD_OBJECTS_HEAP_BLOCK_H
#define RELOAD_OBJECTS_HEAP_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/**
 * The size of the heap block that starts at an address: one of malloc's (glibc) or of CPython's
 * small-object allocator, recognised by the bookkeeping around it.
 * @return 0 when nothing says that a block in use starts there
 */
size_t heap_block_bytes(uintptr_t address);

/**
 * The same for an address inside a block.  Of malloc's blocks only those are found that start
 * HEAP_BLOCK_BEFORE_MAX before it at most.
 * @param[out] ret_start  of the block, if there is one
 */
size_t heap_block_around(uintptr_t address, uintptr_t *ret_start);
/** Links stand in the first part of a structure. */
enum { HEAP_BLOCK_BEFORE_MAX = 256 };

#endif
