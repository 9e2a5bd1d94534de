#include "reload/objects/free_watch.h"

#include <stdlib.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/address_set.h"

enum { DOMAINS = 2 };
static const PyMemAllocatorDomain s_domains[DOMAINS] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

struct free_watch {
    struct address_set blocks; /**< value 1: freed */
};

/** What the hooks forward to. */
static PyMemAllocatorEx s_before[DOMAINS];

/** The watch that is on; read by the hooks, which run with the GIL held. */
static struct free_watch *s_watch;

static void note_free(void *block) {
    struct address_entry *entry =
        s_watch ? address_set_find(&s_watch->blocks, (uintptr_t)block) : NULL;
    if (entry) {
        entry->value = 1;
    }
}

static void *hook_malloc(void *ctx, size_t bytes) {
    PyMemAllocatorEx *before = ctx;
    return before->malloc(before->ctx, bytes);
}

static void *hook_calloc(void *ctx, size_t count, size_t bytes) {
    PyMemAllocatorEx *before = ctx;
    return before->calloc(before->ctx, count, bytes);
}

static void *hook_realloc(void *ctx, void *block, size_t bytes) {
    PyMemAllocatorEx *before = ctx;
    void *moved = before->realloc(before->ctx, block, bytes);
    if (block && moved && moved != block) {
        note_free(block);
    }
    return moved;
}

static void hook_free(void *ctx, void *block) {
    PyMemAllocatorEx *before = ctx;
    if (block) {
        note_free(block);
    }
    before->free(before->ctx, block);
}

struct free_watch *free_watch_start(const uintptr_t *blocks, size_t count, struct error *err) {
    if (s_watch) {
        error_set(err, ERR_BUSY, "freed blocks are being watched for another interpreter");
        return NULL;
    }
    struct py_interpreters interpreters;
    if (inspect_list_interpreters(&interpreters) != 0) {
        error_set(err, ERR_MEMORY, "out of memory listing interpreters");
        return NULL;
    }
    free(interpreters.items);
    if (interpreters.has_own_gil) {
        error_set(err, ERR_BUSY, "an interpreter with its own GIL frees blocks in parallel");
        return NULL;
    }
    struct free_watch *watch = calloc(1, sizeof *watch);
    for (size_t i = 0; watch && i < count; i++) {
        if (!address_set_add(&watch->blocks, blocks[i])) {
            address_set_clear(&watch->blocks);
            free(watch);
            watch = NULL;
        }
    }
    if (!watch) {
        error_set(err, ERR_MEMORY, "out of memory watching freed blocks");
        return NULL;
    }
    for (size_t i = 0; i < DOMAINS; i++) {
        PyMem_GetAllocator(s_domains[i], &s_before[i]);
        PyMemAllocatorEx hooks = {&s_before[i], hook_malloc, hook_calloc, hook_realloc, hook_free};
        PyMem_SetAllocator(s_domains[i], &hooks);
    }
    s_watch = watch;
    return watch;
}

bool free_watch_saw(const struct free_watch *watch, uintptr_t block) {
    const struct address_entry *entry = address_set_find(&watch->blocks, block);
    return entry && entry->value;
}

void free_watch_stop(struct free_watch *watch) {
    if (watch) {
        for (size_t i = 0; i < DOMAINS; i++) {
            PyMem_SetAllocator(s_domains[i], &s_before[i]);
        }
        s_watch = NULL;
        address_set_clear(&watch->blocks);
        free(watch);
    }
}
