#include "reload/memory/unwritten.h"

#include "reload/memory/stand_in.h"

#if !STAND_IN_HAS_SANITIZER

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

typedef void *malloc_function(size_t bytes);
typedef void *realloc_function(void *block, size_t bytes);

/** Clear what is new in a block. @param old_bytes  that were there before */
static void clear(void *block, size_t old_bytes) {
    size_t bytes = block ? malloc_usable_size(block) : 0;
    if (bytes > old_bytes && bytes <= UNWRITTEN_BYTES_MAX) {
        memset((char *)block + old_bytes, 0, bytes - old_bytes);
    }
}

STAND_IN void *malloc(size_t bytes) {
    static stand_in_address s_next;
    malloc_function *next = (malloc_function *)stand_in_next(&s_next, "malloc");
    void *block = next(bytes);
    if (stand_in_is_extension(__builtin_return_address(0))) {
        clear(block, 0);
    }
    return block;
}

STAND_IN void *realloc(void *block, size_t bytes) {
    static stand_in_address s_next;
    realloc_function *next = (realloc_function *)stand_in_next(&s_next, "realloc");
    if (!stand_in_is_extension(__builtin_return_address(0))) {
        return next(block, bytes);
    }
    size_t old_bytes = block ? malloc_usable_size(block) : 0;
    void *moved = next(block, bytes);
    clear(moved, old_bytes);
    return moved;
}

#endif
