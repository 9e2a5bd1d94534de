/**
 * A word that led to an object of an interpreter, noted to be looked at again when that has ended.
 *
 * @thread one at a time  @tstate attached
 */
#ifndef RELOAD_STALE_REMEMBERED_H
#define RELOAD_STALE_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "reload/objects/object_text.h"
#include "reload/scan/scan.h"

/** A word that pointed into an interpreter when it was looked at. */
struct remembered {
    struct scan_hit hit;
    uintptr_t root;  /**< the variable's value: the word itself, or the block that leads to it */
    uintptr_t block; /**< start of the object's memory block */
    bool is_harmless_if_kept;
    bool is_state;    /**< the interpreter itself, or a thread of it: gone after the end */
    bool is_borrowed; /**< set by count_instead(), where there is no watch */
    char holds[OBJECT_TEXT_BYTES];
};

/** A word that leads to a tracked object; its text is the caller's to fill. */
void remembered_object(const struct scan_hit *hit, struct remembered *word);
/** One that leads to an untracked object, whose owner is not known. */
void remembered_unclaimed(const struct scan_hit *hit, struct remembered *word);
/** One that leads to the state of the interpreter, or of a thread. */
void remembered_state(const struct scan_hit *hit, struct remembered *word);

/** Whether the variable leads to the heap block that the word stands in, as it did. */
bool remembered_is_led_to(const struct remembered *word);
/** The same, and the word is what it was. */
bool remembered_is_held(const struct remembered *word);

#endif
