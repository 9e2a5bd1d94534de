#include "reload/objects/heap_block.h"

#include <stdbool.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

/* The sanitizer's malloc() has chunks of its own, and tells.  GCC has not the header of LLVM's with
 * these two, sanitizer/allocator_interface.h. */
int __sanitizer_get_ownership(const volatile void *address);
size_t __sanitizer_get_allocated_size(const volatile void *address);

static size_t malloc_block_bytes(uintptr_t address) {
    bool is_block = __sanitizer_get_ownership((void *)address);
    return is_block ? __sanitizer_get_allocated_size((void *)address) : 0;
}

static size_t malloc_block_around(uintptr_t address, uintptr_t *ret_start) {
    char variable[1];
    void *start = NULL;
    size_t bytes = 0;
    const char *kind =
        __asan_locate_address((void *)address, variable, sizeof variable, &start, &bytes);
    if (strcmp(kind, "heap") != 0) {
        return 0;
    }
    *ret_start = (uintptr_t)start;
    return address - *ret_start < bytes ? malloc_block_bytes(*ret_start) : 0;
}
#else
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

/** malloc's block around an address: look back for the start of one that reaches as far. */
static size_t malloc_block_around(uintptr_t address, uintptr_t *ret_start) {
    uintptr_t words[HEAP_BLOCK_BEFORE_MAX / sizeof(uintptr_t)];
    enum { COUNT = sizeof words / sizeof *words, ALIGNMENT = 16 };
    uintptr_t at = (address & ~(uintptr_t)(ALIGNMENT - 1)) - sizeof words;
    if (!safe_read(at, words, sizeof words)) {
        return 0;
    }
    for (size_t i = COUNT; i >= 2; i -= 2) { /* sizes stand before aligned addresses */
        uintptr_t start = at + i * sizeof *words;
        size_t bytes = is_chunk_size(words[i - 1]) ? malloc_block_bytes(start) : 0;
        if (bytes > address - start) {
            *ret_start = start;
            return bytes;
        }
    }
    return 0;
}
#endif

static size_t pymalloc_block_bytes(uintptr_t address) {
    struct py_pool_header header;
    return safe_read(inspect_pool_of(address), &header, sizeof header)
               ? inspect_pool_block_bytes(&header, address)
               : 0;
}

size_t heap_block_around(uintptr_t address, uintptr_t *ret_start) {
    struct py_pool_header header;
    if (safe_read(inspect_pool_of(address), &header, sizeof header)) {
        size_t bytes = inspect_pool_block_around(&header, address, ret_start);
        if (bytes) {
            return bytes;
        }
    }
    return malloc_block_around(address, ret_start);
}

size_t heap_block_bytes(uintptr_t address) {
    if (address % 16 != 0 || address < 1 << 16) {
        return 0;
    }
    size_t bytes = pymalloc_block_bytes(address);
    return bytes ? bytes : malloc_block_bytes(address);
}
