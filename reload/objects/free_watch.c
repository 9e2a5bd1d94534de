#include "reload/objects/free_watch.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/base/apart.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/address_set.h"
#include "reload/memory/safe_read.h"
#include "reload/memory/scratch.h"
#include "reload/objects/living.h"

enum domain { RAW, MEM, OBJECT, DOMAINS };
static const PyMemAllocatorDomain s_domains[DOMAINS] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                                        PYMEM_DOMAIN_OBJ};

struct watched {
    uintptr_t address;
    struct freed_block *block; /**< NULL: not freed */
};

/** A part of the watched addresses: those from `first` to before `end`. */
struct span {
    size_t first, end;
};

/** A pool of small objects with watched addresses. */
struct pool {
    struct span span;
    size_t block_bytes;
};

struct free_watch {
    struct watched *items; /**< ascending addresses */
    size_t count;
    struct pool *pools;
    size_t pool_count;
    struct address_set pool_of; /**< address of a pool → struct pool */
    bool has_debug_headers;     /**< before every block */
    bool has_pools;             /**< "mem" and "object" forward to "raw" what is no small object */
    struct freed_block *blocks; /**< one for each that was freed */
    struct scratch scratch;     /**< of these */
    const struct image_list *images;
};

/** What the hooks forward to. */
static PyMemAllocatorEx s_before[DOMAINS];

/** The watch that is on; only the thread with its number follows it. */
static struct free_watch *s_watch;
static atomic_uint s_number; /**< 0: none is on */
static _Thread_local unsigned tl_number;

/* ---- What was freed ---- */

/** The index of the first address of a span that is not below another one. */
static size_t find_first(const struct free_watch *watch, const struct span *span,
                         uintptr_t address) {
    size_t low = span->first, high = span->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (watch->items[middle].address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/** The object that fills a block, dead but not overwritten. @return NULL: it is none */
static PyObject *find_object(const struct free_watch *watch, const struct image_range *block) {
    enum { HEADER_WORDS_MAX = 4, WORD = sizeof(uintptr_t) };
    for (size_t header = 0; header <= HEADER_WORDS_MAX * WORD; header += PY_GC_LINKS * WORD) {
        PyObject *object = (PyObject *)(block->start + header);
        if (header + sizeof *object > block->bytes) {
            break;
        }
        PyTypeObject buffer;
        const PyTypeObject *type =
            Py_REFCNT(object) == 0
                ? living_type(NULL, watch->images, (uintptr_t)Py_TYPE(object), &buffer)
                : NULL;
        if (type && inspect_type_header_bytes(type) == header) {
            return object;
        }
    }
    return NULL;
}

/** @param is_intact  its contents are still there */
static struct freed_block *add_block(struct free_watch *watch, const struct image_range *freed,
                                     bool is_intact) {
    struct freed_block *block = scratch_take(&watch->scratch, sizeof *block);
    if (!block) {
        return NULL; /* it counts as not freed */
    }
    PyObject *object = is_intact ? find_object(watch, freed) : NULL;
    *block = (struct freed_block){
        .next = watch->blocks, .bytes = freed->bytes, .object = (uintptr_t)object};
    block->contents = object ? (uintptr_t)object_dead_contents(object) : freed->start;
    if (object) {
        object_dead_text(object, block->text, sizeof block->text);
    } else {
        snprintf(block->text, sizeof block->text, "a block of %zu bytes", freed->bytes);
    }
    watch->blocks = block;
    return block;
}

/** A block that is going to be freed, and where in the table its addresses are. */
struct freed {
    struct image_range block; /**< no bytes: nothing that is watched is near */
    struct span span;
};

static void note(struct free_watch *watch, const struct freed *freed, bool is_intact) {
    struct freed_block *block = NULL;
    const struct image_range *range = &freed->block;
    size_t index = range->bytes ? find_first(watch, &freed->span, range->start) : watch->count;
    for (; index < freed->span.end; index++) {
        struct watched *item = &watch->items[index];
        if (item->address - range->start >= range->bytes) {
            return;
        }
        if (!item->block) {
            block = block ? block : add_block(watch, range, is_intact);
            item->block = block;
        }
    }
}

static struct freed small_block(const struct free_watch *watch, uintptr_t block) {
    const struct address_entry *entry = address_set_find(&watch->pool_of, inspect_pool_of(block));
    if (!entry) {
        return (struct freed){{block, 0}, {0, 0}};
    }
    const struct pool *pool = (const struct pool *)entry->value;
    return (struct freed){{block, pool->block_bytes}, pool->span};
}

static struct freed large_block(const struct free_watch *watch, void *block) {
    struct freed freed = {{(uintptr_t)block, 0}, {0, watch->count}};
    freed.span.first = find_first(watch, &freed.span, freed.block.start);
    if (freed.span.first < watch->count) {
        freed.block.bytes = watch->has_debug_headers
                                ? inspect_debug_bytes((const struct py_debug_header *)block - 1)
                                : malloc_usable_size(block);
    }
    return freed;
}

static struct freed block_of(const struct free_watch *watch, enum domain domain, void *block) {
    return domain != RAW && watch->has_pools && !watch->has_debug_headers
               ? small_block(watch, (uintptr_t)block)
               : large_block(watch, block);
}

/** The watch that is on, if it is this thread's. */
static struct free_watch *this_threads_watch(void) {
    unsigned number = atomic_load_explicit(&s_number, memory_order_relaxed);
    return number && number == tl_number ? s_watch : NULL;
}

/* ---- The hooks ---- */

static void note_free(enum domain domain, void *block) {
    struct free_watch *watch = block ? this_threads_watch() : NULL;
    if (watch) {
        struct freed freed = block_of(watch, domain, block);
        note(watch, &freed, true);
    }
}

static void *note_realloc(enum domain domain, void *ctx, void *block, size_t bytes) {
    struct free_watch *watch = block ? this_threads_watch() : NULL;
    struct freed before = {0};
    if (watch) {
        before = block_of(watch, domain, block);
    }
    void *moved = s_before[domain].realloc(ctx, block, bytes);
    if (watch && moved && moved != block) {
        note(watch, &before, false);
    }
    return moved;
}

/*
 * Each hook forwards the context of the one before.  Another thread may allocate "raw" memory while
 * the hooks come or go, and so take the function of the one and the context of the other.
 */
#define HOOKS(name, domain)                                                                        \
    static void *name##_malloc(void *ctx, size_t bytes) {                                          \
        return s_before[domain].malloc(ctx, bytes);                                                \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t count, size_t bytes) {                            \
        return s_before[domain].calloc(ctx, count, bytes);                                         \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *block, size_t bytes) {                            \
        return note_realloc(domain, ctx, block, bytes);                                            \
    }                                                                                              \
    static void name##_free(void *ctx, void *block) {                                              \
        note_free(domain, block);                                                                  \
        s_before[domain].free(ctx, block);                                                         \
    }

HOOKS(raw, RAW)
HOOKS(mem, MEM)
HOOKS(object, OBJECT)

static void set_hooks(void) {
    PyMemAllocatorEx hooks[DOMAINS] = {
        [RAW] = {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
        [MEM] = {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
        [OBJECT] = {NULL, object_malloc, object_calloc, object_realloc, object_free},
    };
    for (size_t i = 0; i < DOMAINS; i++) {
        PyMem_GetAllocator(s_domains[i], &s_before[i]);
    }
    for (size_t i = 0; i < DOMAINS; i++) {
        hooks[i].ctx = s_before[i].ctx;
        PyMem_SetAllocator(s_domains[i], &hooks[i]);
    }
}

/* ---- A watch ---- */

/** Find out from a sample where blocks come from. @return 0, or -1: it is not known */
static int look_at_allocator(struct free_watch *watch) {
    PyMemAllocatorEx raw, object;
    struct py_debug_header before;
    struct py_pool_header header;
    uintptr_t start;
    void *sample = PyObject_Malloc(1);
    if (!sample) {
        return -1;
    }
    watch->has_debug_headers =
        safe_read((uintptr_t)sample - sizeof before, &before, sizeof before) &&
        inspect_is_debug_header(&before);
    watch->has_pools = safe_read(inspect_pool_of((uintptr_t)sample), &header, sizeof header) &&
                       inspect_pool_block_around(&header, (uintptr_t)sample, &start);
    PyObject_Free(sample);
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &object);
    /* By what allocates: cpython_repairs.h has its own function free "raw" memory. */
    return watch->has_debug_headers || watch->has_pools || object.malloc == raw.malloc ? 0 : -1;
}

static int compare_addresses(const void *a, const void *b) {
    uintptr_t left = ((const struct watched *)a)->address;
    uintptr_t right = ((const struct watched *)b)->address;
    return (left > right) - (left < right);
}

/** The watched addresses that are in the pool of the first of them. */
static struct span span_of_pool(const struct free_watch *watch, size_t first) {
    struct span span = {first, first};
    uintptr_t pool = inspect_pool_of(watch->items[first].address);
    while (span.end < watch->count && inspect_pool_of(watch->items[span.end].address) == pool) {
        span.end++;
    }
    return span;
}

static bool add_pool(struct free_watch *watch, uintptr_t address, const struct span *span,
                     const struct py_pool_header *header) {
    uintptr_t start;
    size_t bytes = inspect_pool_block_around(header, address + sizeof *header, &start);
    if (!bytes) {
        return true; /* other memory */
    }
    struct address_entry *entry = address_set_add(&watch->pool_of, address);
    if (entry) {
        struct pool *pool = &watch->pools[watch->pool_count++];
        *pool = (struct pool){*span, bytes};
        entry->value = (uintptr_t)pool;
    }
    return entry != NULL;
}

/** Find the pools of small objects that addresses are in. @return whether there was memory */
static bool find_pools(struct free_watch *watch) {
    uintptr_t addresses[SAFE_READ_MAX];
    struct span spans[SAFE_READ_MAX];
    struct py_pool_header headers[SAFE_READ_MAX];
    bool was_read[SAFE_READ_MAX], ok = true;
    for (size_t done = 0; ok && done < watch->count;) {
        size_t count = 0;
        for (; done < watch->count && count < SAFE_READ_MAX; done = spans[count++].end) {
            addresses[count] = inspect_pool_of(watch->items[done].address);
            spans[count] = span_of_pool(watch, done);
        }
        safe_read_each(addresses, count, headers, sizeof *headers, was_read);
        for (size_t i = 0; ok && i < count; i++) {
            ok = !was_read[i] || add_pool(watch, addresses[i], &spans[i], &headers[i]);
        }
    }
    return ok;
}

static void free_watch(struct free_watch *watch) {
    scratch_clear(&watch->scratch);
    address_set_clear(&watch->pool_of);
    apart_free(watch->pools);
    apart_free(watch->items);
    free(watch);
}

static struct free_watch *make_watch(const uintptr_t *addresses, size_t count,
                                     const struct image_list *images) {
    struct free_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    watch->images = images;
    watch->items = apart_calloc(count + 1, sizeof *watch->items);
    watch->pools = apart_calloc(count + 1, sizeof *watch->pools);
    if (watch->items) {
        watch->count = count;
        for (size_t i = 0; i < count; i++) {
            watch->items[i].address = addresses[i];
        }
        qsort(watch->items, count, sizeof *watch->items, compare_addresses);
    }
    if (!watch->items || !watch->pools || !find_pools(watch)) {
        free_watch(watch);
        return NULL;
    }
    return watch;
}

struct free_watch *free_watch_start(const uintptr_t *addresses, size_t count,
                                    const struct image_list *images, struct error *err) {
    static unsigned s_last_number;
    if (s_watch) {
        error_set(err, ERR_BUSY, "freed blocks are being watched for another interpreter");
        return NULL;
    }
    struct py_interpreters interpreters;
    if (inspect_list_interpreters(&interpreters) != 0) {
        error_set(err, ERR_MEMORY, "out of memory listing interpreters");
        return NULL;
    }
    apart_free(interpreters.items);
    if (interpreters.has_own_gil) {
        error_set(err, ERR_BUSY, "an interpreter with its own GIL frees blocks in parallel");
        return NULL;
    }
    struct free_watch *watch = make_watch(addresses, count, images);
    if (!watch) {
        error_set(err, ERR_MEMORY, "out of memory watching freed blocks");
        return NULL;
    }
    if (look_at_allocator(watch) != 0) {
        free_watch(watch);
        error_set(err, ERR_BUSY, "the allocator of Python's memory is not known");
        return NULL;
    }
    s_watch = watch;
    tl_number = ++s_last_number;
    atomic_store(&s_number, tl_number);
    set_hooks();
    return watch;
}

const struct freed_block *free_watch_find(const struct free_watch *watch, uintptr_t address) {
    const struct span all = {0, watch->count};
    size_t index = find_first(watch, &all, address);
    return index < watch->count && watch->items[index].address == address
               ? watch->items[index].block
               : NULL;
}

void free_watch_stop(struct free_watch *watch) {
    if (watch) {
        for (size_t i = 0; i < DOMAINS; i++) {
            PyMem_SetAllocator(s_domains[i], &s_before[i]);
        }
        atomic_store(&s_number, 0);
        s_watch = NULL;
        free_watch(watch);
    }
}
