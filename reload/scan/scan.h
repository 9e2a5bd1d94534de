/**
 * Which words of the extensions' memory hold objects: writable segments, thread-local blocks,
 * and the heap blocks that these point to.
 *
 * A word holds an object when, its low three (tag) bits cleared, it is the address of one that
 * the object map knows, or of a living object that it does not know (held by C alone, or untracked
 * while the map has tracked objects only) which itself leads to a known one.  Heap blocks are
 * followed from images that use Python's API only: what else is in a process's heap is other
 * libraries' business, and full of leftovers.  Words that CPython keeps in an extension's memory
 * are left out: the furniture of static types and the cached copy of a PyModuleDef.
 *
 * @thread one at a time  @tstate attached (to nothing in particular), GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_H
#define RELOAD_SCAN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/image.h"
#include "reload/objects/image_use.h"
#include "reload/objects/object_map.h"

/** How far from a variable the object was found: through so many heap blocks. */
enum {
    SCAN_DEPTH_MAX = 3,             /**< a container's nodes: list → node → node */
    SCAN_BLOCKS_MAX = 4096,         /**< heap blocks followed in one scan … */
    SCAN_BLOCK_BYTES_MAX = 4 << 20, /**< … and their size in all: about 1 ms */
};

struct scan_hit {
    struct image *image;
    uintptr_t location; /**< the variable: an address, or an offset into the thread-local block */
    bool is_tls;
    unsigned depth;     /**< 0: the variable holds it; 1: a heap block that it points to, … */
    size_t block_bytes; /**< of the heap block that the word stands in; 0: all of it is in use */
    uintptr_t holder;   /**< where the word itself stands */
    uintptr_t word;     /**< the word, tag bits included */
    PyObject *object;   /**< what it points to; owned by an interpreter of `wanted`, if known */
    bool is_leaf;       /**< of an unclaimed object: a string, number, or tuple of these */
    PyObject *via;      /**< the object held by C alone through which it was found, or NULL */
};

struct scan {
    struct scan_hit *hits;
    size_t count;
    /** Cached module dictionaries (m_copy) met: as if the PyModuleDef were a variable. */
    struct scan_hit *copies;
    size_t copy_count;
    /** Living objects that the map does not know and the collector does not track: strings … */
    struct scan_hit *unclaimed;
    size_t unclaimed_count;
    size_t strangers;     /**< words that hold a tracked object which the map does not know */
    PyTypeObject **types; /**< the static types in these images */
    size_t type_count;
};

struct scan_options {
    const struct image_use *use;  /**< the images to look at */
    const struct object_map *map; /**< NULL: owners do not matter, each tracked object is a hit */
    unsigned wanted; /**< enum object_owner bits: objects that belong to these *only* are hits */
    const struct py_interpreters *interpreters; /**< all of the process */
    /** Threads that Python knows of in this one are not looked at: they end with it. */
    PyInterpreterState *ending;
};

/**
 * Scan the images in use, and their thread-local blocks of all threads that outlive
 * `options->ending`.  Of CPython's own image only the variables of built-in extensions are looked
 * at, and no heap blocks are followed from there.
 * Errors: ERR_MEMORY
 */
int scan_images(struct scan *scan, const struct scan_options *options, struct error *err);
void scan_clear(struct scan *scan);

/** "cache", "table+0x10", "registry→0x8" (in the heap block that it points to). */
void scan_hit_symbol(const struct scan_hit *hit, char *text, size_t text_bytes);

#endif
