/**
 * Words that led to something when they were noted, to be looked at again later.
 *
 * @thread one at a time  @tstate attached
 */
#ifndef RELOAD_STALE_REMEMBERED_H
#define RELOAD_STALE_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "reload/objects/object_text.h"
#include "reload/scan/scan.h"

struct remembered {
    struct scan_hit hit;
    uintptr_t root; /**< the variable's value: the word itself, or the block that leads to it */
    bool is_harmless_if_kept;
    bool is_state;    /**< the interpreter itself, or a thread of it: gone after the end */
    bool is_borrowed; /**< where there is no watch */
    char holds[OBJECT_TEXT_BYTES];
};

/** {0} is an empty one. */
struct remembered_list {
    struct remembered *items;
    size_t count;
};

/** Empty the list and make room for so many words. Errors: ERR_MEMORY @owns remembered_clear() */
int remembered_start(struct remembered_list *list, size_t most, struct error *err);
/** Add what a scan has found; there must be room.  What else is known is the caller's to fill. */
struct remembered *remembered_add(struct remembered_list *list, const struct scan_hit *hit);
void remembered_clear(struct remembered_list *list);

/** Whether the variable does not hold the object itself, but leads to it. */
bool remembered_is_indirect(const struct scan_hit *hit);
/** Read what stands there now. @return false: nothing does */
bool remembered_read(const struct remembered *word, uintptr_t *ret_now);
/** Whether the variable leads to the heap block that the word stands in, as it did. */
bool remembered_is_led_to(const struct remembered *word);
/** The same, and the word is what it was. */
bool remembered_is_held(const struct remembered *word);

#endif
