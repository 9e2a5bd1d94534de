/**
 * Watching whether certain memory blocks are given back to CPython's allocators.
 *
 * While a watch is on, hooks before the free and realloc functions of the "mem" and "obj" domains
 * note which of the watched blocks are freed.  Both domains are used with the GIL held only, so the
 * table needs no lock.  Watches do not nest: there is one at a time in the process.
 *
 * @thread any  @tstate attached, to an interpreter that shares the process's GIL
 * Follows: CPython C API, "Memory Management", PyMem_SetAllocator() (hooks on a running
 * interpreter)
 */
#ifndef RELOAD_OBJECTS_FREE_WATCH_H
#define RELOAD_OBJECTS_FREE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

struct free_watch;

/**
 * Start watching the blocks that start at these addresses.
 * @return NULL with ERR_MEMORY, or ERR_BUSY: another watch is on, or an interpreter has
 *         a GIL of its own
 * @owns free_watch_stop()
 */
struct free_watch *free_watch_start(const uintptr_t *blocks, size_t count, struct error *err);

/** Whether a watched block was freed since the start. */
bool free_watch_saw(const struct free_watch *watch, uintptr_t block);

/** Take the hooks away and free the watch.  NULL is fine. */
void free_watch_stop(struct free_watch *watch);

#endif
