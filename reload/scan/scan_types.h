/**
 * The static types in the images in use.
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_SCAN_SCAN_TYPES_H
#define RELOAD_SCAN_SCAN_TYPES_H

#include "reload/memory/image_part.h"
#include "reload/scan/scan.h"

/** Fill scan->types. Errors: ERR_MEMORY, ERR_SYSTEM (memory of an image is gone) */
int scan_types(struct scan *scan, const struct image_use *use, struct error *err);

/** The static type that is in use, of any metaclass, and starts at an address in a segment: perhaps
 *  a copy. @return NULL: there is none */
const PyTypeObject *scan_types_at(const struct image_list *images, const struct image_part *part,
                                  uintptr_t start);

#endif
