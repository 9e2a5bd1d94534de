#include "reload/objects/heap_free.h"

#include <stdlib.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"

/** The second word of a block that has just been freed. */
static uintptr_t read_cache_key(void) {
    enum { SMALL = 24 };
    void *volatile block = malloc(SMALL);
    uintptr_t address = (uintptr_t)block, key = 0;
    free(block);
    return address && safe_read(address + sizeof key, &key, sizeof key) ? key : 0;
}

static void add_block(uintptr_t block, void *arg) {
    struct heap_free *free = arg;
    free->out_of_memory |= !address_set_add(&free->blocks, block);
}

/** Look at a pool, unless it was. @return its entry; NULL: out of memory */
static const struct address_entry *look_at_pool(struct heap_free *free, uintptr_t pool) {
    struct address_entry *entry = address_set_add(&free->pools, pool);
    if (entry && !entry->value) {
        struct py_pool copy;
        entry->value = UINTPTR_MAX;
        if (safe_read(pool, &copy, sizeof copy)) {
            entry->value = inspect_pool_each_free(&copy, pool, add_block, free);
        }
    }
    free->out_of_memory |= !entry;
    return entry;
}

bool heap_free_has(struct heap_free *free, uintptr_t start) {
    struct py_pool_header header;
    uintptr_t pool = inspect_pool_of(start), key;
    if (safe_read(pool, &header, sizeof header) && inspect_pool_block_bytes(&header, start)) {
        const struct address_entry *entry = look_at_pool(free, pool);
        return entry && (start >= entry->value || address_set_find(&free->blocks, start));
    }
    free->cache_key = free->cache_key ? free->cache_key : read_cache_key();
    return free->cache_key && safe_read(start + sizeof key, &key, sizeof key) &&
           key == free->cache_key;
}

void heap_free_clear(struct heap_free *free) {
    address_set_clear(&free->pools);
    address_set_clear(&free->blocks);
}
