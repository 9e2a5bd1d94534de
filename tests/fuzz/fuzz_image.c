/**
 * Reading the image of a library, and its file: no crash, no read beyond what is there, whatever
 * they hold.  Input: an ELF file; the corpus is written by make_images.py.
 */
#include <assert.h>
#include <string.h>

#include "reload/memory/image.h"
#include "reload/memory/image_symbols.h"
#include "tests/support/crafted_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What the library is said to keep in memory lies where it was loaded. */
static void check_ranges(const struct image *image, const struct crafted_image *crafted) {
    uintptr_t low = (uintptr_t)crafted->memory, high = low + CRAFTED_IMAGE_BYTES;
    assert(image->writable_count <= IMAGE_SEGMENTS_MAX);
    for (size_t i = 0; i < image->writable_count; i++) {
        const struct image_range *range = &image->writable[i];
        assert(range->start >= low && range->start + range->bytes <= high);
    }
    assert(image->zeroed.bytes <= CRAFTED_IMAGE_BYTES);
    assert(image->build_id_bytes <= sizeof image->build_id);
}

static void check_names(struct image *image) {
    static const size_t s_offsets[] = {0, 8, 0x100, 0x110, 0x210, 0x218, 0x1000, SIZE_MAX};
    for (size_t i = 0; i < 2 * sizeof s_offsets / sizeof s_offsets[0]; i++) {
        size_t offset = s_offsets[i / 2];
        char text[64] = "";
        int is_tls = i % 2;
        image_symbols_name(image, is_tls ? offset : image->base + offset, is_tls, text,
                           sizeof text);
        assert(*text && memchr(text, '\0', sizeof text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct crafted_image crafted;
    if (!crafted_image_load(&crafted, data, size)) {
        return 0;
    }
    struct image *image = image_new(&crafted.info, false, 0);
    assert(image && image->role != IMAGE_HOST);
    for (size_t i = 0; i < image->needed_count; i++) {
        assert(strlen(image->needed[i]) < CRAFTED_IMAGE_BYTES);
    }
    check_ranges(image, &crafted);
    check_names(image);
    image_free(image);
    crafted_image_unload(&crafted);
    return 0;
}
