#include "reload/memory/unwritten.h"

#include "reload/memory/stand_in.h"

#if !STAND_IN_HAS_SANITIZER

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef void *malloc_function(size_t bytes);
typedef void *realloc_function(void *block, size_t bytes);

/** Clear a block from an offset to its end, which lies behind what was asked for. */
static void clear(void *block, size_t offset) {
    size_t bytes = block ? malloc_usable_size(block) : 0;
    if (bytes > offset && bytes <= UNWRITTEN_BYTES_MAX) {
        memset((char *)block + offset, 0, bytes - offset);
    }
}

STAND_IN void *malloc(size_t bytes) {
    static stand_in_address s_next;
    malloc_function *next = (malloc_function *)stand_in_next(&s_next, "malloc");
    void *block = next(bytes);
    bool is_cleared =
        bytes <= UNWRITTEN_BYTES_SMALL || stand_in_is_extension(__builtin_return_address(0));
    clear(block, is_cleared ? 0 : bytes);
    return block;
}

STAND_IN void *realloc(void *block, size_t bytes) {
    static stand_in_address s_next;
    realloc_function *next = (realloc_function *)stand_in_next(&s_next, "realloc");
    bool is_extension = stand_in_is_extension(__builtin_return_address(0));
    size_t kept = is_extension ? malloc_usable_size(block) : bytes; /* of NULL: 0 */
    void *moved = next(block, bytes);
    clear(moved, kept < bytes ? kept : bytes);
    return moved;
}

/**
 * A block of CPython's allocators, of whole units of 16 bytes, as theirs are: what lies between the
 * bytes asked for and the end is cleared, too.
 * @param next  CPython's own function
 */
static void *allocate(malloc_function *next, size_t bytes, const void *caller) {
    enum { UNIT = 16 };
    bool is_cleared = bytes && bytes <= UNWRITTEN_BYTES_MAX && stand_in_is_extension(caller);
    size_t whole = is_cleared ? (bytes + UNIT - 1) / UNIT * UNIT : bytes;
    void *block = next(whole);
    if (block && is_cleared) {
        memset(block, 0, whole);
    }
    return block;
}

/* In CPython's API; this file needs no more of it than these names. */
STAND_IN void *PyMem_Malloc(size_t bytes);
STAND_IN void *PyMem_RawMalloc(size_t bytes);
STAND_IN void *PyObject_Malloc(size_t bytes);

STAND_IN void *PyMem_Malloc(size_t bytes) {
    static stand_in_address s_next;
    malloc_function *next = (malloc_function *)stand_in_next(&s_next, "PyMem_Malloc");
    return allocate(next, bytes, __builtin_return_address(0));
}

STAND_IN void *PyMem_RawMalloc(size_t bytes) {
    static stand_in_address s_next;
    malloc_function *next = (malloc_function *)stand_in_next(&s_next, "PyMem_RawMalloc");
    return allocate(next, bytes, __builtin_return_address(0));
}

STAND_IN void *PyObject_Malloc(size_t bytes) {
    static stand_in_address s_next;
    malloc_function *next = (malloc_function *)stand_in_next(&s_next, "PyObject_Malloc");
    return allocate(next, bytes, __builtin_return_address(0));
}

#endif
