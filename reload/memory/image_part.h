/**
 * A writable segment of an image, read piece by piece.
 *
 * Pages of the image's file are copied, since they may be gone (image_read()).  What lies behind
 * them began as zeros, is memory of no file, and is read in place, which costs less.
 * So is all of CPython's own image, without which nothing runs, this check neither.
 *
 * @thread one at a time  @tstate any
 */
#ifndef RELOAD_MEMORY_IMAGE_PART_H
#define RELOAD_MEMORY_IMAGE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reload/memory/image.h"

/** A piece is large, and belongs into memory of its own (apart.h): a stack's pages would be new. */
enum {
    IMAGE_PART_BYTES = 32 << 10, /**< what is copied at once: a call of the kernel takes 0.5 µs */
    IMAGE_PART_AROUND = 1 << 10, /**< with so much before and behind it */
};

struct image_part {
    struct image *image;
    const struct image_range *segment;
    uintptr_t start, end; /**< of the piece; the start is that of a word */
    uintptr_t file_end;   /**< from here on the segment is read in place */
    uintptr_t copied;     /**< where what was copied last begins */
    size_t copied_bytes;
    uintptr_t copy[(IMAGE_PART_BYTES + 2 * IMAGE_PART_AROUND) / sizeof(uintptr_t)];
};

/** Begin with a segment; there is no piece yet. @param segment  one of the image's, or a part */
void image_part_begin(struct image_part *part, struct image *image,
                      const struct image_range *segment);
/**
 * Go to the piece that begins at `start`, in the segment, and ends at `stop` or before.
 * @return false: it could not be read, or it would be empty
 */
bool image_part_go(struct image_part *part, uintptr_t start, uintptr_t stop);

/** Where bytes of the piece, or close to it, can be read. @return NULL: here they cannot */
const void *image_part_at(const struct image_part *part, uintptr_t address, size_t bytes);
/** How many bytes can be read from the start of the piece on, with what stands behind it. */
size_t image_part_room(const struct image_part *part);

#endif
