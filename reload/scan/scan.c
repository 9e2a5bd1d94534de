#include "reload/scan/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/base/apart.h"
#include "reload/memory/image_symbols.h"
#include "reload/memory/safe_read.h"
#include "reload/memory/tls.h"
#include "reload/scan/scan_elsewhere.h"
#include "reload/scan/scan_follow.h"
#include "reload/scan/scan_threads.h"
#include "reload/scan/scan_words.h"

/** Smaller segments are read whole: asking the kernel about their pages costs more. */
enum { SPARSE_BYTES_MIN = 1 << 20 };

/** Look at the words of a segment from `start` to `stop`. */
static void scan_words_of(struct scanner *scanner, const struct block *block, uintptr_t start,
                          uintptr_t stop) {
    struct image_part *part = scanner->part;
    for (; image_part_go(part, start, stop); start = part->end) {
        size_t bytes = part->end - start;
        const struct words words = {image_part_at(part, start, bytes), bytes / WORD_BYTES,
                                    image_part_room(part) / WORD_BYTES};
        scan_words(scanner, block, start, &words);
    }
}

/** The same, without pages that were never touched. */
static void scan_touched(struct scanner *scanner, const struct block *block, uintptr_t start,
                         uintptr_t end) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t pages = (end - start / page_bytes * page_bytes + page_bytes - 1) / page_bytes;
    bool *touched = malloc(pages * sizeof *touched);
    bool known = touched && safe_read_touched(start, pages, touched);
    for (size_t i = 0; i < pages; i++) {
        uintptr_t next = (start / page_bytes + 1) * page_bytes;
        uintptr_t stop = next < end ? next : end;
        if (!known || touched[i]) {
            scan_words_of(scanner, block, start, stop);
        }
        start = next;
    }
    free(touched);
}

static void scan_segment(struct scanner *scanner, struct image *image,
                         const struct image_range *segment) {
    struct block block = {
        .image = image, .part = scanner->part, .start = segment->start, .bytes = segment->bytes};
    uintptr_t start = (segment->start + WORD_BYTES - 1) & ~(uintptr_t)(WORD_BYTES - 1);
    uintptr_t end = segment->start + segment->bytes;
    image_part_begin(scanner->part, image, segment);
    if (segment->bytes < SPARSE_BYTES_MIN) {
        scan_words_of(scanner, &block, start, end);
    } else {
        scan_touched(scanner, &block, start, end);
    }
    scan_follow_candidates(scanner, &block);
}

/** The thread-local blocks of one image. */
static void scan_thread_locals(struct scanner *scanner, struct image *image,
                               const struct thread_list *threads) {
    if (!tls_is_readable()) {
        return;
    }
    for (size_t i = 0; i < threads->count; i++) {
        uintptr_t start = tls_block(threads->items[i], image->tls_module);
        if (start) {
            struct block block = {
                .image = image, .start = start, .bytes = image->tls_bytes, .is_tls = true};
            scan_block(scanner, &block);
        }
    }
}

static void scan_image(struct scanner *scanner, struct image *image,
                       const struct thread_list *threads) {
    if (image->role == IMAGE_PYTHON) {
        /* Variables that start with contents are CPython's: its types, frozen modules, and the
         * states of interpreters (_PyRuntime). */
        scan_segment(scanner, image, &image->zeroed);
        return;
    }
    for (size_t i = 0; i < image->writable_count; i++) {
        scan_segment(scanner, image, &image->writable[i]);
    }
    if (image->tls_module) {
        scan_thread_locals(scanner, image, threads);
    }
}

/** An address where malloc()'s blocks are. */
static uintptr_t heap_address(void) {
#ifdef __SANITIZE_ADDRESS__
    uintptr_t address = (uintptr_t)malloc(1); /* the sanitizer's heap is elsewhere */
    free((void *)address);
    return address;
#else
    return (uintptr_t)sbrk(0);
#endif
}

int scan_images(struct scan *scan, const struct scan_options *options, struct error *err) {
    const struct image_list *images = options->use->images;
    struct thread_list threads;
    struct state_list states;
    if (scan_states_read(&states, options->interpreters, options->ending, err) != 0) {
        return -1;
    }
    if (scan_threads(&threads, options->interpreters, options->ending, err) != 0) {
        scan_states_clear(&states);
        return -1;
    }
    struct scanner scanner = {.scan = scan,
                              .images = images,
                              .map = options->map,
                              .wanted = options->wanted,
                              .with_pointers = options->with_pointers,
                              .states = states,
                              .heap = heap_address()};
    scanner.mappings = apart_calloc(MAPPINGS_MAX, sizeof *scanner.mappings);
    scanner.mapping_count = scanner.mappings ? mappings_copy(scanner.mappings) : 0;
    scanner.part = apart_calloc(1, sizeof *scanner.part);
    scanner.out_of_memory = !scanner.mappings || !scanner.part;
    for (size_t i = 0; scanner.part && i < images->count; i++) {
        if (options->use->used[i]) {
            scan_image(&scanner, images->items[i], &threads);
        }
    }
    scan_elsewhere(&scanner, options->use, &threads);
    safe_read_keep(); /* the GIL is held, and heap blocks stand side by side */
    for (size_t i = 0; i < scanner.block_count; i++) {
        struct block block = scanner.blocks[i]; /* a copy: the array may move */
        if (block.container) {
            scan_follow_container(&scanner, &block);
        } else {
            scan_block(&scanner, &block);
        }
    }
    safe_read_forget();
    scan_states_clear(&scanner.states);
    address_set_clear(&scanner.seen);
    heap_free_clear(&scanner.free);
    apart_free(scanner.blocks);
    apart_free(scanner.mappings);
    apart_free(scanner.part);
    apart_free(threads.items);
    return scanner.out_of_memory ? error_set(err, ERR_MEMORY, "out of memory scanning images")
                                 : image_list_was_read(images, err);
}

void scan_clear(struct scan *scan) {
    apart_free(scan->hits);
    apart_free(scan->copies);
    apart_free(scan->unclaimed);
    apart_free(scan->pointers);
    apart_free(scan->states);
    apart_free(scan->cut);
    apart_free(scan->types);
    *scan = (struct scan){0};
}

void scan_hit_symbol(const struct scan_hit *hit, char *text, size_t text_bytes) {
    if (hit->place) {
        snprintf(text, text_bytes, "%s", hit->place);
    } else {
        image_symbols_name(hit->image, hit->location, hit->is_tls, text, text_bytes);
    }
    size_t used = strlen(text);
    unsigned depth = hit->depth - (hit->place ? 1 : 0);
    if (depth) {
        snprintf(text + used, text_bytes - used, "%s", depth > 1 ? " → → heap" : " → heap");
    }
}
