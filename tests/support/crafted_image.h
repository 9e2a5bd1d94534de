/** A file's bytes as an image in memory, placed as a dynamic linker does. */
#ifndef TESTS_SUPPORT_CRAFTED_IMAGE_H
#define TESTS_SUPPORT_CRAFTED_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Memory that images are placed in; one that needs more is refused. */
enum { CRAFTED_IMAGE_BYTES = 1 << 20 };

struct crafted_image {
    struct dl_phdr_info info; /**< dlpi_name is a file with the same bytes */
    void *memory, *headers;
    int fd;
    char path[64];
};

/**
 * @return false: a dynamic linker would refuse the file, too: its loaded segments are not whole
 * @owns crafted_image_unload()
 */
bool crafted_image_load(struct crafted_image *image, const uint8_t *file, size_t size);
void crafted_image_unload(struct crafted_image *image);

#endif
