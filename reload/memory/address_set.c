#include "reload/memory/address_set.h"

#include <stdlib.h>

#include "pool/base/apart.h"

enum { FIRST_CAPACITY = 64 };

static size_t slot_of(const struct address_set *set, uintptr_t address) {
    size_t slot = (size_t)((address >> 3) * 11400714819323198485ull) >> 20;
    slot &= set->capacity - 1;
    while (set->entries[slot].address && set->entries[slot].address != address) {
        slot = (slot + 1) & (set->capacity - 1);
    }
    return slot;
}

struct address_entry *address_set_find(const struct address_set *set, uintptr_t address) {
    if (!set->count) {
        return NULL;
    }
    struct address_entry *entry = &set->entries[slot_of(set, address)];
    return entry->address ? entry : NULL;
}

static bool grow(struct address_set *set) {
    struct address_set bigger = {.capacity = set->capacity ? 2 * set->capacity : FIRST_CAPACITY};
    bigger.entries = apart_calloc(bigger.capacity, sizeof *bigger.entries);
    if (!bigger.entries) {
        return false;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->entries[i].address) {
            bigger.entries[slot_of(&bigger, set->entries[i].address)] = set->entries[i];
        }
    }
    bigger.count = set->count;
    apart_free(set->entries);
    *set = bigger;
    return true;
}

struct address_entry *address_set_add(struct address_set *set, uintptr_t address) {
    if (2 * (set->count + 1) > set->capacity && !grow(set)) {
        return NULL;
    }
    struct address_entry *entry = &set->entries[slot_of(set, address)];
    if (!entry->address) {
        entry->address = address;
        set->count++;
    }
    return entry;
}

void address_set_clear(struct address_set *set) {
    apart_free(set->entries);
    *set = (struct address_set){0};
}
