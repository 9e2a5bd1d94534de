/**
 * The words of variables and heap blocks, one range after the other: some are hits, some lead to
 * further blocks.  The inner part of scan.h.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_WORDS_H
#define RELOAD_SCAN_SCAN_WORDS_H

#include "reload/memory/address_set.h"
#include "reload/memory/safe_read.h"
#include "reload/scan/scan.h"

enum { WORD_BYTES = sizeof(uintptr_t), TAG_BITS = 7 };

/** A range of memory to look at: a segment, a heap block, an object's own memory. */
struct block {
    uintptr_t start;
    size_t bytes;
    const struct image_range *segment; /**< it is part of this one; NULL: of none */
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
    struct address_set seen; /**< heap blocks that were queued */
    struct block *blocks;    /**< SCAN_BLOCKS_MAX; followed first in, first out */
    size_t block_count, block_bytes;
    struct candidate candidates[SAFE_READ_MAX]; /**< of the range that is being looked at */
    size_t candidate_count;
    bool out_of_memory;
};

/**
 * Look at words of `from`.
 * @param start  where they stand
 * @param words  their contents: in place, or a copy
 */
void scan_words(struct scanner *scanner, const struct block *from, uintptr_t start,
                const uintptr_t *words, size_t count);

#endif
