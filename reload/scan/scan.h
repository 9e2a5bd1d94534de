/**
 * Which words of the extensions' memory hold objects: writable segments, thread-local blocks,
 * and the heap blocks that these point to.
 *
 * A word holds an object when, with its low three (tag) bits cleared, it is the address
 *  - of an object that the map knows, or
 *  - of a living object that the map does not know and that leads to a known one: it is held by C
 *    alone, or it is untracked and the map has tracked objects only.
 * Heap blocks are followed only from images that use Python's API: those of other libraries are no
 * concern, and full of leftovers.  Words that CPython keeps in an extension's memory are left out:
 * the furniture of static types (object_map.h) and the cached copy of a PyModuleDef.
 *
 * The memory of libraries is copied, not read in place (image_part.h, living_type()): what can be
 * read when a scan begins may be gone before it ends.
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

/** How much of the heap is followed, breadth first. */
enum {
    SCAN_BLOCKS_MAX = 1 << 16,       /**< heap blocks in one scan */
    SCAN_BLOCK_BYTES_MAX = 16 << 20, /**< their size in all: some milliseconds */
    SCAN_POINTERS_MAX = 1 << 16,     /**< pointers in them (with_pointers) */
};

struct scan_hit {
    struct image *image;
    uintptr_t location; /**< the variable: an address, or an offset into the thread-local block */
    bool is_tls;
    unsigned depth;     /**< 0: the variable holds it; 1: a heap block that it points to, … */
    size_t block_bytes; /**< size of the word's heap block if only a part may be in use, else 0 */
    uintptr_t holder;   /**< where the word itself stands */
    uintptr_t word;     /**< the word, tag bits included */
    PyObject *object;   /**< what it points to; owned by an interpreter of `wanted`, if known */
    bool is_leaf;       /**< of an unclaimed object: a string, number, or tuple of these */
    const char *place; /**< NULL, or where it stands if not in the image's variables, nor by them */
    PyObject *via;     /**< the object held by C alone through which it was found, or NULL */
};

struct scan {
    struct scan_hit *hits;
    size_t count;
    /** Cached module dictionaries (m_copy): the PyModuleDef is taken for a variable. */
    struct scan_hit *copies;
    size_t copy_count;
    /** Living objects that the map does not know and the collector does not track: strings … */
    struct scan_hit *unclaimed;
    size_t unclaimed_count;
    /** Words that lead into memory of no image, wherever in it; object is NULL (with_pointers). Not
     *  those of CPython's own variables. */
    struct scan_hit *pointers;
    size_t pointer_count;
    /** Words that lead to the state of `ending`, or of one of its threads; `object` is NULL. */
    struct scan_hit *states;
    size_t state_count;
    /** A word for each image that leads to more heap blocks than are followed, or to more pointers
     *  than are listed. */
    struct scan_hit *cut;
    size_t cut_count;
    size_t strangers;     /**< words that hold a tracked object which the map does not know */
    PyTypeObject **types; /**< the static types in these images */
    size_t type_count;
};

struct scan_options {
    const struct image_use *use;  /**< the images to look at */
    const struct object_map *map; /**< NULL: owners do not matter, each tracked object is a hit */
    unsigned wanted;    /**< enum object_owner bits: objects that belong to these *only* are hits */
    bool with_pointers; /**< without a map: list the words that may be pointers, too */
    const struct py_interpreters *interpreters; /**< all of the process */
    /** Threads that Python knows of in this one are not looked at: they end with it. */
    PyInterpreterState *ending;
};

/**
 * Scan the images in use, and their thread-local blocks of all threads that outlive
 * `options->ending`.  Of CPython's own image only the variables of built-in extensions are looked
 * at, and no heap blocks are followed from there.
 * Errors: ERR_MEMORY, ERR_SYSTEM (memory of an image is gone with its file: image_read())
 */
int scan_images(struct scan *scan, const struct scan_options *options, struct error *err);
void scan_clear(struct scan *scan);

/** "cache", "table+0x10", "registry→0x8" (in the heap block that it points to). */
void scan_hit_symbol(const struct scan_hit *hit, char *text, size_t text_bytes);

#endif
