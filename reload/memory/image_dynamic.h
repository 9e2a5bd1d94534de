/**
 * What an image's own dynamic section tells, read in memory (the file may have been replaced).
 *
 * Follows: ELF gABI chapter 5, "Dynamic Section"; the GNU hash table as glibc reads it
 */
#ifndef RELOAD_MEMORY_IMAGE_DYNAMIC_H
#define RELOAD_MEMORY_IMAGE_DYNAMIC_H

#include "reload/memory/image.h"
#include "reload/memory/image_headers.h"

/**
 * Set role, soname, needed and the imports_ flags, as far as they can be read.
 * @return 0, or -1: out of memory
 */
int image_dynamic_read(struct image *image, const struct image_headers *headers);

#endif
