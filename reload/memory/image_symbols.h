/**
 * Names for addresses in an image: its .symtab, its separate debug file, or its .dynsym.
 *
 * Read from the files with libelf when a name is first needed (a clean check never needs one).
 * A file that is no longer the one that was loaded (its build id differs) gives no names.
 * Separate debug files: /usr/lib/debug/.build-id/xx/….debug, and the .gnu_debuglink name beside
 * the image, in .debug/ and below /usr/lib/debug.
 *
 * @thread one at a time  @tstate any
 */
#ifndef RELOAD_MEMORY_IMAGE_SYMBOLS_H
#define RELOAD_MEMORY_IMAGE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct image;
struct image_symbols;

/**
 * Name the variable at an address: "cache", "table+0x18", or, without a symbol, ".bss+0x40".
 * @param is_tls  the address is an offset into the image's thread-local block
 */
void image_symbols_name(struct image *image, uintptr_t address, int is_tls, char *text,
                        size_t text_bytes);

void image_symbols_free(struct image_symbols *symbols);

#endif
