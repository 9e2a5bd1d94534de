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

#endif
