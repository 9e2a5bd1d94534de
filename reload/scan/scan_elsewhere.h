/**
 * Roots of a scan beside the images' variables: what threads have under keys of extensions.
 * `location` is the code that has set the value.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_ELSEWHERE_H
#define RELOAD_SCAN_SCAN_ELSEWHERE_H

#include "reload/objects/image_use.h"
#include "reload/scan/scan_threads.h"
#include "reload/scan/scan_words.h"

/** Look at the memory that a block is about: a copy of it, piece by piece. */
void scan_block(struct scanner *scanner, const struct block *block);

/** @param threads  those that outlive the interpreter in question */
void scan_elsewhere(struct scanner *scanner, const struct image_use *use,
                    const struct thread_list *threads);

#endif
