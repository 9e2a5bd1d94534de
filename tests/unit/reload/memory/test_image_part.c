#include <criterion/criterion.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reload/memory/image_part.h"

enum { FILE_PAGES = 20, ZEROED_PAGES = 3, WORD = sizeof(uintptr_t) };

/* A library's segment, as the dynamic linker makes it: pages of a file, the last of them in part,
 * and pages of no file behind. */
static int s_file;
static size_t s_page;
static struct image s_image = {.path = (char[]){"library.so"}, .role = IMAGE_LIBRARY};
static const struct image_range *const s_segment = &s_image.writable[0];
static struct image_part s_part;

/** What stands in each word: its number. */
static uintptr_t *words(void) {
    return (uintptr_t *)s_segment->start;
}

static void load(void) {
    s_page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (FILE_PAGES + ZEROED_PAGES) * s_page;
    s_file = memfd_create("library", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(s_file, (off_t)(FILE_PAGES * s_page)), 0);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    cr_assert_eq(mmap(memory, FILE_PAGES * s_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                      s_file, 0),
                 memory);
    s_image.low = (uintptr_t)memory;
    s_image.high = s_image.low + bytes;
    s_image.writable[0] = (struct image_range){s_image.low + 2 * WORD, bytes - 2 * WORD};
    s_image.writable_count = 1;
    s_image.zeroed.start = s_image.low + FILE_PAGES * s_page - 5 * WORD;
    s_image.zeroed.bytes = s_image.high - s_image.zeroed.start;
    for (size_t i = 0; i < s_segment->bytes / WORD; i++) {
        words()[i] = i;
    }
    image_part_begin(&s_part, &s_image, s_segment);
}

TestSuite(image_part, .init = load);

Test(image_part, the_pieces_are_the_segment_word_for_word) {
    uintptr_t start = s_segment->start, end = s_segment->start + s_segment->bytes;
    size_t number = 0;
    while (image_part_go(&s_part, start, end)) {
        const uintptr_t *piece = image_part_at(&s_part, start, s_part.end - start);
        cr_assert_not_null(piece);
        cr_assert_geq(image_part_room(&s_part), s_part.end - start);
        for (size_t i = 0; i < image_part_room(&s_part) / WORD; i++) {
            cr_assert_eq(piece[i], number + i);
        }
        number += (s_part.end - start) / WORD;
        start = s_part.end;
    }
    cr_assert_eq(start, end);
    cr_assert_eq(number, s_segment->bytes / WORD);
}

Test(image_part, what_lies_across_the_edge_of_a_piece_can_be_read) {
    uintptr_t start = s_segment->start, end = s_segment->start + s_segment->bytes;
    while (image_part_go(&s_part, start, end)) {
        size_t first = (start - s_segment->start) / WORD,
               last = first + (s_part.end - start) / WORD;
        const uintptr_t *before = image_part_at(&s_part, start - 4 * WORD, 8 * WORD);
        const uintptr_t *behind = image_part_at(&s_part, s_part.end - 4 * WORD, 8 * WORD);
        bool is_first = start == s_segment->start, is_last = s_part.end == end;
        cr_assert_eq(before == NULL, is_first);
        cr_assert_eq(behind == NULL, is_last);
        cr_assert(is_first || before[7] == first + 3);
        cr_assert(is_last || behind[7] == last + 3);
        start = s_part.end;
    }
    cr_assert_null(image_part_at(&s_part, end, WORD));
    cr_assert_null(image_part_at(&s_part, s_image.low - WORD, WORD));
}

Test(image_part, pages_of_the_file_may_be_gone_and_those_behind_it_stay) {
    uintptr_t file_end = s_image.low + FILE_PAGES * s_page;
    struct error err;
    struct image *items[] = {&s_image};
    const struct image_list list = {.items = items, .count = 1};
    cr_assert_eq(ftruncate(s_file, (off_t)s_page), 0);
    cr_assert(image_part_go(&s_part, file_end, file_end + s_page));
    cr_assert_eq(image_part_at(&s_part, file_end, s_page), (void *)file_end);
    cr_assert_eq(image_list_was_read(&list, &err), 0);
    cr_assert_not(image_part_go(&s_part, s_segment->start, file_end));
    cr_assert_eq(image_list_was_read(&list, &err), -1);
    cr_assert_eq(err.code, ERR_SYSTEM);
    cr_assert_not_null(strstr(err.text, "library.so"), "%s", err.text);
}
