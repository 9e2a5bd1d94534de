/**
 * The words of variables and heap blocks, one range after the other: some are hits, some lead to
 * further blocks.  The inner part of scan.h.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_WORDS_H
#define RELOAD_SCAN_SCAN_WORDS_H

#include "reload/memory/address_set.h"
#include "reload/memory/image_part.h"
#include "reload/memory/mappings.h"
#include "reload/memory/safe_read.h"
#include "reload/objects/heap_free.h"
#include "reload/scan/scan.h"
#include "reload/scan/scan_states.h"

enum { WORD_BYTES = sizeof(uintptr_t), TAG_BITS = 7 };

/** What to look at: a segment, a heap block, an object's own memory, or what a container holds. */
struct block {
    uintptr_t start;
    size_t bytes;
    const char *place;      /**< NULL, or what it is: no variable, and nothing that one leads to */
    PyObject *container;    /**< NULL: the memory itself */
    uintptr_t holder, held; /**< of a container: where the word stands that leads to it */
    const struct image_part *part; /**< of a segment: how it is read; NULL: it is none */
    PyObject *via;
    unsigned depth;
    struct image *image;
    uintptr_t location;
    bool is_tls;
    bool is_exact; /**< `bytes` is the size in use, not the size allocated */
};

/** A word that may be an address to follow. */
struct candidate {
    uintptr_t holder, word;
    uintptr_t next; /**< the word after it: in a C++ vector the end of the part in use */
};

struct scanner {
    struct scan *scan;
    const struct image_list *images;
    const struct object_map *map; /**< NULL: objects are recognised in memory (living.h) */
    unsigned wanted;
    bool with_pointers;       /**< fill scan->pointers */
    const struct image *last; /**< the image that the last pointer led into */
    uintptr_t heap;           /**< an address in the program's heap */
    struct address_set seen;  /**< heap blocks that were queued: value 1 */
    struct state_list states; /**< these are left out */
    struct image_part *part;  /**< of the segment that is being looked at */
    struct mapping *mappings; /**< MAPPINGS_MAX; those that were queued have no bytes any more */
    size_t mapping_count;
    struct heap_free free; /**< blocks that are not followed */
    struct block *blocks;  /**< followed first in, first out */
    size_t block_count, block_capacity, block_bytes;
    struct candidate candidates[SAFE_READ_MAX]; /**< of the range that is being looked at */
    size_t candidate_count;
    bool out_of_memory;
};

/** The contents of words: in place, or a copy. */
struct words {
    const uintptr_t *items;
    size_t count,
        readable; /**< to be looked at; and with those after them, which are looked into */
};

/** Look at words of `from`, which stand at `start`.  Some wait for scan_follow_candidates(), to
 * come
 *  before words of another block. */
void scan_words(struct scanner *scanner, const struct block *from, uintptr_t start,
                const struct words *words);

#endif
