#include "reload/scan/scan_queue.h"

#include <stdlib.h>
#include <unistd.h>

#include "pool/base/apart.h"
#include "reload/scan/scan_hits.h"

static bool has_room(struct scanner *scanner, size_t bytes) {
    if (scanner->block_count == SCAN_BLOCKS_MAX ||
        scanner->block_bytes + bytes > SCAN_BLOCK_BYTES_MAX) {
        return false;
    }
    if (scanner->block_count == scanner->block_capacity) {
        size_t capacity = scanner->block_capacity ? 2 * scanner->block_capacity : 256;
        struct block *blocks = apart_realloc(scanner->blocks, capacity * sizeof *blocks);
        if (!blocks) {
            scanner->out_of_memory = true;
            return false;
        }
        scanner->blocks = blocks;
        scanner->block_capacity = capacity;
    }
    return true;
}

struct block *scan_queue_block(struct scanner *scanner, const struct block *from, uintptr_t holder,
                               struct image_range memory, PyObject *via) {
    struct address_entry *entry = address_set_add(&scanner->seen, memory.start);
    if (!entry || entry->value) {
        scanner->out_of_memory |= !entry;
        return NULL;
    }
    if (!has_room(scanner, memory.bytes)) {
        scan_hits_cut(scanner, from, holder);
        return NULL;
    }
    entry->value = 1;
    struct block *block = &scanner->blocks[scanner->block_count++];
    *block = *from;
    if (from->depth == 0 && !from->via) {
        block->location = from->is_tls ? holder - from->start : holder;
    }
    block->part = NULL;
    block->container = NULL;
    block->start = memory.start;
    block->bytes = memory.bytes;
    block->depth = from->depth + (via ? 0 : 1);
    block->via = via ? via : from->via;
    block->is_exact = via != NULL;
    scanner->block_bytes += memory.bytes;
    return block;
}

/** Pages that were never written are left out, and take no room. */
static void queue_pages(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        const struct mapping *mapping) {
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (mapping->bytes + page_bytes - 1) / page_bytes;
    bool *touched = malloc(pages * sizeof *touched);
    bool known = touched && safe_read_touched(mapping->start, pages, touched);
    for (size_t i = 0; i < pages; i++) {
        const struct image_range page = {mapping->start + i * page_bytes, page_bytes};
        struct block *block =
            !known || touched[i] ? scan_queue_block(scanner, from, holder, page, NULL) : NULL;
        if (block) {
            block->is_exact = true; /* it began as zeros */
        }
    }
    free(touched);
}

void scan_queue_mapping(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        uintptr_t address) {
    for (size_t i = 0; i < scanner->mapping_count; i++) {
        struct mapping *mapping = &scanner->mappings[i];
        if (address - mapping->start < mapping->bytes) {
            queue_pages(scanner, from, holder, mapping);
            mapping->bytes = 0; /* once */
        }
    }
}
