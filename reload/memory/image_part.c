#include "reload/memory/image_part.h"

#include <unistd.h>

static uintptr_t end_of(const struct image_range *range) {
    return range->start + range->bytes;
}

/** Where the pages of the file end: of further segments it is not known which are its. */
static uintptr_t file_end(const struct image *image, const struct image_range *segment) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE), end = end_of(segment);
    uintptr_t zeroed = (image->zeroed.start + page_bytes - 1) / page_bytes * page_bytes;
    return end == end_of(&image->zeroed) && zeroed < end ? zeroed : end;
}

void image_part_begin(struct image_part *part, struct image *image,
                      const struct image_range *segment) {
    part->image = image;
    part->segment = segment;
    part->file_end = image_is_checked(image) ? file_end(image, segment) : segment->start;
    part->start = part->end = part->copied = segment->start;
    part->copied_bytes = 0;
}

static bool copy_piece(struct image_part *part, uintptr_t start) {
    size_t before = start - part->segment->start, behind = end_of(part->segment) - part->end;
    before = before < IMAGE_PART_AROUND ? before & ~(sizeof start - 1) : IMAGE_PART_AROUND;
    behind = behind < IMAGE_PART_AROUND ? behind : IMAGE_PART_AROUND;
    part->copied = start - before;
    part->copied_bytes = part->end + behind - part->copied;
    if (!image_read(part->image, part->copied, part->copy, part->copied_bytes)) {
        part->copied_bytes = 0;
        return false;
    }
    return true;
}

bool image_part_go(struct image_part *part, uintptr_t start, uintptr_t stop) {
    part->start = start;
    part->end = stop;
    if (start >= stop || start >= part->file_end) {
        return start < stop;
    }
    part->end = part->end < part->file_end ? part->end : part->file_end;
    if (part->end - start > IMAGE_PART_BYTES) {
        part->end = start + IMAGE_PART_BYTES;
    }
    return copy_piece(part, start);
}

const void *image_part_at(const struct image_part *part, uintptr_t address, size_t bytes) {
    size_t into = address - part->copied;
    if (into < part->copied_bytes && bytes <= part->copied_bytes - into) {
        return (const char *)part->copy + into;
    }
    bool is_in_place = address >= part->file_end && address < end_of(part->segment) &&
                       bytes <= end_of(part->segment) - address;
    return is_in_place ? (const void *)address : NULL;
}

size_t image_part_room(const struct image_part *part) {
    uintptr_t end =
        part->start < part->file_end ? part->copied + part->copied_bytes : end_of(part->segment);
    return end - part->start;
}
