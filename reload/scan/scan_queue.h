/**
 * The queue of what is still to be looked at, up to the limits in scan.h.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_QUEUE_H
#define RELOAD_SCAN_SCAN_QUEUE_H

#include "reload/scan/scan_words.h"

/**
 * Queue memory that a word at `holder` leads to, unless it was queued before.
 * @param via  NULL, or the object that it is of
 * @return what was queued, to be completed before the next call; or NULL
 */
struct block *scan_queue_block(struct scanner *scanner, const struct block *from, uintptr_t holder,
                               struct image_range memory, PyObject *via);

/** Queue the memory that an extension has mapped, if the address lies in such. */
void scan_queue_mapping(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        uintptr_t address);

#endif
