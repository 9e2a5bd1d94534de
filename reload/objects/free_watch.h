/**
 * Watching which memory a thread gives back to CPython's allocators.
 *
 * A watch is about addresses.  While it is on, hooks before the free and realloc functions of the
 * three domains note which of them lay in a block that the watching thread freed, and what object
 * the block was.  An address need not be the start of a block: the block of a small object is the
 * one of its pool that contains the address, a large one tells its size when it is freed.
 *
 * What other threads free meanwhile is no concern: an interpreter ends on one thread.  So the
 * domain "raw", which is used without the GIL, needs no lock.  Watches do not nest: there is one at
 * a time in the process.
 *
 * @thread any; free_watch_stop() once the thread that started the watch frees nothing more
 * @tstate attached, to an interpreter that shares the process's GIL
 * Follows: CPython C API, "Memory Management", PyMem_SetAllocator() (hooks on a running
 * interpreter); malloc_usable_size(3)
 */
#ifndef RELOAD_OBJECTS_FREE_WATCH_H
#define RELOAD_OBJECTS_FREE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "reload/memory/image.h"
#include "reload/objects/object_text.h"

struct free_watch;

/** A block that was freed. */
struct freed_block {
    struct freed_block *next;
    size_t bytes;       /**< with the rest that the allocator rounds up to */
    uintptr_t object;   /**< the Python object that filled it; 0: none */
    uintptr_t contents; /**< where the characters of a str, or the bytes of a bytes object,
                             start in it, or what is in a block of C code's; 0: unknown */
    char text[OBJECT_TEXT_BYTES]; /**< for that object, or "a block of 32 bytes" */
};

/**
 * Watch the blocks in which these addresses are.
 * @param images  must outlive the watch
 * @return NULL with ERR_MEMORY, or ERR_BUSY: another watch is on, an interpreter has a GIL of its
 *         own, or CPython's blocks are not from an allocator that is known
 * @owns free_watch_stop()
 */
struct free_watch *free_watch_start(const uintptr_t *addresses, size_t count,
                                    const struct image_list *images, struct error *err);

/** The freed block in which a watched address was. @return NULL: it was not freed */
const struct freed_block *free_watch_find(const struct free_watch *watch, uintptr_t address);

/** Take the hooks away and free the watch.  NULL is fine. */
void free_watch_stop(struct free_watch *watch);

#endif
