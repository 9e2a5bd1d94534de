/**
 * What the views of a stale state check have found out, for the next ones to do less.
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
    /* Words that hold untracked objects. */
    struct address_set harmless; /**< a string that the variable owns; not `old`'s */
    struct address_set before;   /**< there before the load of `subject` … */
    bool knows_before;           /**< … as far as anybody looked */
    struct address_set used;     /**< the images that the last `subject` used … */
    bool knows_used;             /**< … as far as anybody looked; it is `old` now */
    /* Words that held tracked objects at the last full view. */
    struct address_set others;   /**< of the main interpreter, or of other generations */
    struct address_set subjects; /**< of the `subject` of then */
};

/** Forget whose tracked objects words held. */
void stale_memory_forget_owners(struct stale_memory *memory);
/** A word holds a tracked object of these owners (enum object_owner). Errors: ERR_MEMORY */
int stale_memory_note_owners(struct stale_memory *memory, const struct scan_hit *hit,
                             unsigned owners, struct error *err);
/** Whether a word holds what it held at the last full view: an object that was not `old`'s. */
bool stale_memory_is_of_others(const struct stale_memory *memory, const struct scan_hit *hit);
bool stale_memory_is_of_subject(const struct stale_memory *memory, const struct scan_hit *hit);

/** A word holds an untracked object before `subject` is loaded. Errors: ERR_MEMORY */
int stale_memory_note_before(struct stale_memory *memory, const struct scan_hit *hit,
                             struct error *err);
/** It did, or nobody has looked. */
bool stale_memory_was_before(const struct stale_memory *memory, const struct scan_hit *hit);

/** A word holds an untracked object, and needs no second look as long as it does. */
int stale_memory_note_harmless(struct stale_memory *memory, const struct scan_hit *hit,
                               bool is_leaf, struct error *err);
bool stale_memory_is_harmless(const struct stale_memory *memory, const struct scan_hit *hit,
                              bool is_leaf);

void stale_memory_clear(struct stale_memory *memory);

#endif
