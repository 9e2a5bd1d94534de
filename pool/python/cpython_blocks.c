/* How small objects lie in CPython's allocator, and blocks when it is debugged (cpython_inspect.h).
 */
#include "pool/python/cpython_inspect.h"

#include <string.h>

/* Objects/obmalloc.c (3.11), pycore_obmalloc.h (3.12): a pool is 16 KiB, aligned, starts with this
 * header, and is cut into blocks of one size. */
struct small_object_pool {
    uint32_t used, padding;
    uintptr_t free_block, next_pool, previous_pool;
    uint32_t arena_index, size_class, next_offset, last_offset;
};
enum { POOL_BYTES = 1 << 14, SIZE_CLASSES = 32, SIZE_CLASS_BYTES = 16 };
_Static_assert(sizeof(struct small_object_pool) == sizeof(struct py_pool_header),
               "CPython's struct");

uintptr_t inspect_pool_of(uintptr_t address) {
    return address & ~(uintptr_t)(POOL_BYTES - 1);
}

size_t inspect_pool_block_around(const struct py_pool_header *header, uintptr_t address,
                                 uintptr_t *ret_start) {
    struct small_object_pool pool;
    uintptr_t start = inspect_pool_of(address), first = start + sizeof pool;
    memcpy(&pool, header, sizeof pool);
    if (address < first || pool.size_class >= SIZE_CLASSES) {
        return 0;
    }
    size_t bytes = (pool.size_class + 1) * SIZE_CLASS_BYTES;
    size_t count = (POOL_BYTES - sizeof pool) / bytes, index = (address - first) / bytes;
    bool is_pool = pool.used > 0 && pool.used <= count && pool.arena_index < 1 << 20 &&
                   pool.last_offset == POOL_BYTES - bytes &&
                   pool.next_offset <= POOL_BYTES + bytes &&
                   (pool.free_block == 0 || pool.free_block - start < POOL_BYTES);
    if (!is_pool || index >= count) {
        return 0;
    }
    *ret_start = first + index * bytes;
    return bytes;
}

size_t inspect_pool_block_bytes(const struct py_pool_header *header, uintptr_t address) {
    uintptr_t start = 0;
    size_t bytes = inspect_pool_block_around(header, address, &start);
    return start == address ? bytes : 0;
}

/* Objects/obmalloc.c, "Debug": the size, the most significant byte first, a letter for the domain,
 * and bytes that nobody may write. */
bool inspect_is_debug_header(const struct py_debug_header *header) {
    enum { FORBIDDEN_BYTE = 0xFD };
    bool is_guarded = true;
    for (size_t i = 0; i < sizeof header->guard; i++) {
        is_guarded &= header->guard[i] == FORBIDDEN_BYTE;
    }
    return is_guarded && (header->domain == 'r' || header->domain == 'm' || header->domain == 'o');
}

size_t inspect_debug_bytes(const struct py_debug_header *header) {
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof header->size; i++) {
        bytes = bytes << 8 | header->size[i];
    }
    return bytes;
}

uintptr_t inspect_pool_each_free(const struct py_pool *copy, uintptr_t start,
                                 void (*function)(uintptr_t block, void *arg), void *arg) {
    _Static_assert(sizeof *copy == POOL_BYTES, "a pool");
    struct small_object_pool pool;
    memcpy(&pool, copy, sizeof pool);
    uintptr_t block = pool.free_block;
    for (size_t i = 0; i < POOL_BYTES / SIZE_CLASS_BYTES; i++) { /* no more, were it a ring */
        if (block - start >= POOL_BYTES || block % sizeof block) {
            break;
        }
        function(block, arg);
        block = copy->words[(block - start) / sizeof block];
    }
    return start + pool.next_offset;
}
