#include "reload/objects/heap_block.h"

#include <stdbool.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"

/* glibc malloc/malloc.c, struct malloc_chunk: the word before a block is its chunk's size, the
 * low bits are flags; the word before the next block says whether this one is in use. */
enum { CHUNK_PREV_IN_USE = 1, CHUNK_MMAPPED = 2, CHUNK_FLAGS = 7 };
/** Larger blocks are buffers, not tables of pointers that a module keeps. */
enum { BLOCK_BYTES_MAX = 1 << 20 };

static bool is_chunk_size(uintptr_t size) {
    size &= ~(uintptr_t)CHUNK_FLAGS;
    return size >= 32 && size <= BLOCK_BYTES_MAX && size % 16 == 0;
}

static size_t malloc_block_bytes(uintptr_t address) {
    uintptr_t size, next;
    if (!safe_read(address - sizeof size, &size, sizeof size) || !is_chunk_size(size)) {
        return 0;
    }
    uintptr_t bytes = size & ~(uintptr_t)CHUNK_FLAGS;
    if (size & CHUNK_MMAPPED) {
        return bytes - 16;
    }
    if (!safe_read(address - sizeof size + bytes, &next, sizeof next) ||
        !(next & CHUNK_PREV_IN_USE) || (next & ~(uintptr_t)CHUNK_FLAGS) < 32 || next & 8) {
        return 0;
    }
    return bytes - 8;
}

static size_t pymalloc_block_bytes(uintptr_t address) {
    struct py_pool_header header;
    return safe_read(inspect_pool_of(address), &header, sizeof header)
               ? inspect_pool_block_bytes(&header, address)
               : 0;
}

size_t heap_block_bytes(uintptr_t address) {
    if (address % 16 != 0 || address < 1 << 16) {
        return 0;
    }
    size_t bytes = pymalloc_block_bytes(address);
    return bytes ? bytes : malloc_block_bytes(address);
}
