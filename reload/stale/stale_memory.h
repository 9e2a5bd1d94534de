/**
 * What the views of a stale state check have found out, so that later views have less to do.
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_STALE_STALE_MEMORY_H
#define RELOAD_STALE_STALE_MEMORY_H

#include <stdbool.h>

#include "pool/base/error.h"
#include "reload/memory/address_set.h"
#include "reload/scan/scan.h"

/** Sets of words: location → word.  {0} knows nothing. */
struct stale_memory {
    /* Words that hold untracked objects: */
    struct address_set harmless; /**< a string that the variable owns; not an object of `old` */
    struct address_set before;   /**< there before `subject` was loaded */
    bool knows_before;           /**< false: no view has looked, `before` is empty */

    /** Images that the `subject` of the last view used; now it is `old`. */
    struct address_set used;
    bool knows_used; /**< false: no view has looked, `used` is empty */
    bool was_clean;  /**< what the last check of a loaded generation found */

    /* Words that held tracked objects at the last full view: */
    struct address_set others;   /**< of the main interpreter, or of other generations */
    struct address_set subjects; /**< of that view's `subject` */
};

/** Forget the owners of tracked objects. */
void stale_memory_forget_owners(struct stale_memory *memory);
/** Forget what the last view's `subject` holds: it is `old` now. */
void stale_memory_forget_subjects(struct stale_memory *memory);
/** Note a word that holds a tracked object of these owners. Errors: ERR_MEMORY */
int stale_memory_note_owners(struct stale_memory *memory, const struct scan_hit *hit,
                             unsigned owners, struct error *err);
/** Whether a word still holds what it held at the last full view: an object of `others`. */
bool stale_memory_is_of_others(const struct stale_memory *memory, const struct scan_hit *hit);
/** The same: an object of that view's `subject`. */
bool stale_memory_is_of_subject(const struct stale_memory *memory, const struct scan_hit *hit);

/** Note a word that holds an untracked object before `subject` is loaded. Errors: ERR_MEMORY */
int stale_memory_note_before(struct stale_memory *memory, const struct scan_hit *hit,
                             struct error *err);
/** Whether it did; true when no view has looked. */
bool stale_memory_was_before(const struct stale_memory *memory, const struct scan_hit *hit);

/** Note a word that needs no second look as long as it holds this untracked object. */
int stale_memory_note_harmless(struct stale_memory *memory, const struct scan_hit *hit,
                               bool is_leaf, struct error *err);
bool stale_memory_is_harmless(const struct stale_memory *memory, const struct scan_hit *hit,
                              bool is_leaf);

void stale_memory_clear(struct stale_memory *memory);

#endif
