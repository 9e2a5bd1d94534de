/**
 * The static types in the images in use.
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_SCAN_SCAN_TYPES_H
#define RELOAD_SCAN_SCAN_TYPES_H

#include "reload/scan/scan.h"

/** Fill scan->types. Errors: ERR_MEMORY */
int scan_types(struct scan *scan, const struct image_use *use, struct error *err);

/** Whether a static type that is in use, of any metaclass, starts at an address in a segment. */
bool scan_types_has(const struct image_list *images, const struct image_range *segment,
                    uintptr_t start);

#endif
