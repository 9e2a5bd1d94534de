/**
 * Arrays of addresses that the check keeps, apart from malloc()'s heap.
 *
 * A pointer that an extension has left behind leads to a block that was freed.  Were it the check's
 * by now, full of addresses of objects, the check would find its own words behind that pointer; and
 * what it frees, an extension might be given next.
 *
 * @thread one at a time for each array  @tstate any
 * Follows: mmap(2), mremap(2)
 */
#ifndef POOL_BASE_APART_H
#define POOL_BASE_APART_H

#include <stddef.h>

/** As realloc(); what is new is zeroed. @return NULL: out of memory, `items` is as it was
 *  @owns apart_free() */
void *apart_realloc(void *items, size_t bytes);
/** As calloc(). */
void *apart_calloc(size_t count, size_t bytes);
/** As free(). */
void apart_free(void *items);

#endif
