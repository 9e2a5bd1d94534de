/**
 * What the words of a scan lead to beside known objects: heap blocks, and objects that C alone
 * holds.  They are queued, and looked at breadth first.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_FOLLOW_H
#define RELOAD_SCAN_SCAN_FOLLOW_H

#include "reload/scan/scan_words.h"

/**
 * Whether a word that is not aligned, or has tag bits, may be an address and not two small numbers:
 * objects are in the same terabytes as the program's heap, or as CPython's own.
 */
static inline bool scan_follow_may_be_near(const struct scanner *scanner, uintptr_t word) {
    enum { TERABYTE_BITS = 40 };
    uintptr_t top = word >> TERABYTE_BITS;
    return top + 1 - (scanner->heap >> TERABYTE_BITS) <= 2 ||
           top + 1 - ((uintptr_t)&PyType_Type >> TERABYTE_BITS) <= 2;
}

/** Whether a word may point at a heap block, or an object that the map does not know. */
bool scan_follow_may_be_address(const struct scanner *scanner, const struct block *from,
                                uintptr_t word);

/** Follow scanner->candidates, words of `from`. */
void scan_follow_candidates(struct scanner *scanner, const struct block *from);

/** Look at what the container that was queued as `block` holds. */
void scan_follow_container(struct scanner *scanner, const struct block *block);

#endif
