/**
 * A byte for each 16 bytes of memory, where one is needed: what object stands there.
 *
 * Bytes stand in regions of 1 MiB of memory, which a small hash table finds.  Objects lie in few
 * regions, and a cache answers nearly every question: a few nanoseconds.  The inner loop of
 * object_map.c, in a header so that the compiler inlines it.
 *
 * @thread one at a time
 */
#ifndef RELOAD_OBJECTS_OBJECT_MARKS_H
#define RELOAD_OBJECTS_OBJECT_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reload/memory/address_set.h"
#include "reload/memory/scratch.h"

enum { MARKS_REGION_BITS = 20, MARKS_GRANULE_BITS = 4, MARKS_REGIONS_CACHED = 64 };

struct marks_region {
    uint8_t marks[1 << (MARKS_REGION_BITS - MARKS_GRANULE_BITS)];
};

/** {0} is an empty one. */
struct object_marks {
    struct scratch scratch;
    struct address_set regions; /**< address >> MARKS_REGION_BITS, plus 1 → struct marks_region */
    struct {
        uintptr_t key;
        struct marks_region *region;
    } cache[MARKS_REGIONS_CACHED];
    bool out_of_memory; /**< a mark could not be made */
};

/** Find a region through the hash table; with `make` it is made if absent. @return NULL: none */
static inline struct marks_region *object_marks_region(struct object_marks *marks, uintptr_t key,
                                                       bool make) {
    struct address_entry *entry = address_set_find(&marks->regions, key);
    if (!entry && make) {
        struct marks_region *region = scratch_take(&marks->scratch, sizeof *region);
        entry = region ? address_set_add(&marks->regions, key) : NULL;
        if (entry) {
            entry->value = (uintptr_t)region;
        }
        marks->out_of_memory |= !entry;
    }
    return entry ? (struct marks_region *)entry->value : NULL;
}

static inline void object_marks_clear(struct object_marks *marks) {
    scratch_clear(&marks->scratch);
    address_set_clear(&marks->regions);
    *marks = (struct object_marks){0};
}

/** Objects of the heap are aligned so; one that is not stands within something else. */
static inline bool object_marks_aligned(uintptr_t address) {
    return !(address & ((1u << MARKS_GRANULE_BITS) - 1));
}

static inline size_t object_marks_granule(uintptr_t address) {
    return (address & ((1u << MARKS_REGION_BITS) - 1)) >> MARKS_GRANULE_BITS;
}

/** The byte of an address, to be read and written. @return NULL: not aligned, or out of memory */
static inline uint8_t *object_marks_at(struct object_marks *marks, uintptr_t address) {
    uintptr_t key = (address >> MARKS_REGION_BITS) + 1;
    size_t slot = key % MARKS_REGIONS_CACHED;
    if (!object_marks_aligned(address)) {
        return NULL;
    }
    if (marks->cache[slot].key != key) {
        struct marks_region *region = object_marks_region(marks, key, true);
        if (!region) {
            return NULL;
        }
        marks->cache[slot].key = key;
        marks->cache[slot].region = region;
    }
    return &marks->cache[slot].region->marks[object_marks_granule(address)];
}

/** The same, to be read: 0 where nothing was written. */
static inline uint8_t object_marks_get(const struct object_marks *marks, uintptr_t address) {
    uintptr_t key = (address >> MARKS_REGION_BITS) + 1;
    size_t slot = key % MARKS_REGIONS_CACHED;
    if (!object_marks_aligned(address)) {
        return 0;
    }
    const struct marks_region *region =
        marks->cache[slot].key == key
            ? marks->cache[slot].region
            : object_marks_region((struct object_marks *)marks, key, false);
    return region ? region->marks[object_marks_granule(address)] : 0;
}

#endif
