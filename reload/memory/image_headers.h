/**
 * The program headers of a loaded image, and reading its memory within what they say is loaded.
 *
 * The dynamic linker believes most of what a file says and looks at little of it, and the file may
 * have been cut short since: then pages of the image, its headers among them, are gone.  So nothing
 * is read in place, and no size is taken on trust.
 *
 * @thread any  @tstate any
 * Follows: ELF gABI chapter 5, "Program Header"
 */
#ifndef RELOAD_MEMORY_IMAGE_HEADERS_H
#define RELOAD_MEMORY_IMAGE_HEADERS_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** More than any linker makes; further ones are not looked at. */
enum { IMAGE_HEADERS_MAX = 64 };

struct image_headers {
    uintptr_t base; /**< load address: what p_vaddr is relative to */
    ElfW(Phdr) items[IMAGE_HEADERS_MAX];
    size_t count;
};

/** Copy the headers of an image; none when they cannot be read any more. */
void image_headers_read(const struct dl_phdr_info *info, struct image_headers *ret_headers);

/** How many bytes there are from an address to the end of its loaded segment; 0: in none. */
size_t image_headers_room(const struct image_headers *headers, uintptr_t address);

/** Copy memory that lies within one loaded segment. @return whether all of it could be read */
bool image_headers_copy(const struct image_headers *headers, uintptr_t address, void *ret_buffer,
                        size_t bytes);

#endif
