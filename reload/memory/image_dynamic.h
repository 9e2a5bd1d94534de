/**
 * What an image's own dynamic section tells, read in memory (the file may have been replaced).
 *
 * Follows: ELF gABI chapter 5, "Dynamic Section"; the GNU hash table as glibc reads it
 */
#ifndef RELOAD_MEMORY_IMAGE_DYNAMIC_H
#define RELOAD_MEMORY_IMAGE_DYNAMIC_H

#include <link.h>

#include "reload/memory/image.h"
#include "reload/memory/image_symbols.h"

/**
 * Set role, soname, needed and the imports_ flags. `dynamic` may be NULL.
 * @return 0, or -1: out of memory
 */
int image_dynamic_read(struct image *image, const ElfW(Dyn) * dynamic);

#endif
