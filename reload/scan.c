#include "reload/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reload/address_set.h"
#include "reload/image_symbols.h"
#include "reload/living.h"
#include "reload/py_internals.h"
#include "reload/safe_read.h"
#include "reload/scan_threads.h"
#include "reload/scan_types.h"
#include "reload/tls.h"

enum { WORD_BYTES = sizeof(uintptr_t), TAG_BITS = 7 };
/** Smaller segments are read as they are: asking the kernel about their pages costs more. */
enum { SPARSE_BYTES_MIN = 1 << 20 };

struct block {
    uintptr_t start;
    size_t bytes;
    PyObject *via;
    unsigned depth;
    struct image *image;
    uintptr_t location;
    bool is_tls;
    bool is_exact; /**< `bytes` is what is in use, not what was allocated */
};

struct scanner {
    struct scan *scan;
    const struct image_list *images;
    const struct object_map *map;
    unsigned wanted;
    struct address_set seen; /**< heap blocks that were queued */
    struct block *blocks;    /**< SCAN_BLOCKS_MAX; followed first in, first out */
    size_t block_count, block_bytes;
    bool out_of_memory;
};

static struct scan_hit make_hit(const struct block *from, uintptr_t holder, uintptr_t word,
                                PyObject *object, PyObject *via) {
    return (struct scan_hit){
        .image = from->image,
        .location = from->depth || from->via ? from->location
                    : from->is_tls           ? holder - from->start
                                             : holder,
        .is_tls = from->is_tls,
        .depth = from->depth,
        .block_bytes = from->depth && !from->is_exact ? from->bytes : 0,
        .holder = holder,
        .word = word,
        .object = object,
        .via = via,
    };
}

/** One more hit in a list that stays short. */
static void append(struct scanner *scanner, struct scan_hit **list, size_t *count,
                   struct scan_hit hit) {
    if ((*count & (*count - 1)) == 0) { /* 0, and the powers of two: it is full */
        struct scan_hit *items = realloc(*list, (*count ? 2 * *count : 1) * sizeof *items);
        if (!items) {
            scanner->out_of_memory = true;
            return;
        }
        *list = items;
    }
    (*list)[(*count)++] = hit;
}

static void add_hit(struct scanner *scanner, const struct block *from, uintptr_t holder,
                    uintptr_t word, PyObject *object, PyObject *via) {
    append(scanner, &scanner->scan->hits, &scanner->scan->count,
           make_hit(from, holder, word, object, via));
}

/** Whether a word is the m_copy field of a PyModuleDef. */
static bool is_module_copy(const struct image_range *segment, uintptr_t location) {
    uintptr_t start = location - offsetof(PyModuleDef, m_base.m_copy);
    return start >= segment->start && Py_TYPE((PyObject *)start) == &PyModuleDef_Type;
}

static void add_copy(struct scanner *scanner, const struct block *from, uintptr_t holder,
                     uintptr_t word) {
    append(scanner, &scanner->scan->copies, &scanner->scan->copy_count,
           make_hit(from, holder, word, (PyObject *)word, NULL));
}

/** Whether CPython keeps this word: part of a static type's furniture. */
static bool is_furniture(const struct image_range *segment, uintptr_t location) {
    static const size_t s_type_fields[] = {
        offsetof(PyTypeObject, tp_dict),       offsetof(PyTypeObject, tp_bases),
        offsetof(PyTypeObject, tp_mro),        offsetof(PyTypeObject, tp_cache),
        offsetof(PyTypeObject, tp_subclasses), offsetof(PyTypeObject, tp_weaklist),
    };
    for (size_t i = 0; i < sizeof s_type_fields / sizeof s_type_fields[0]; i++) {
        uintptr_t start = location - s_type_fields[i];
        if (scan_is_static_type(segment, start) && Py_TYPE((PyObject *)start) == &PyType_Type) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct scanner *scanner, uint8_t marks) {
    unsigned owners = marks & OWNER_MASK;
    return owners && !(marks & OBJECT_NOBODYS) && !(owners & ~scanner->wanted);
}

static struct block *queue_block(struct scanner *scanner, const struct block *from,
                                 uintptr_t holder, uintptr_t start, size_t bytes, PyObject *via) {
    if (scanner->block_count == SCAN_BLOCKS_MAX ||
        scanner->block_bytes + bytes > SCAN_BLOCK_BYTES_MAX) {
        return NULL;
    }
    struct address_entry *entry = address_set_add(&scanner->seen, start);
    if (!entry || entry->value) {
        scanner->out_of_memory |= !entry;
        return NULL;
    }
    entry->value = 1;
    struct block *block = &scanner->blocks[scanner->block_count++];
    *block = *from;
    if (from->depth == 0 && !from->via) {
        block->location = from->is_tls ? holder - from->start : holder;
    }
    block->start = start;
    block->bytes = bytes;
    block->depth = from->depth + (via ? 0 : 1);
    block->via = via ? via : from->via;
    block->is_exact = via != NULL;
    scanner->block_bytes += bytes;
    return block;
}

/** Following the contents of a container that C alone holds. */
struct container {
    struct scanner *scanner;
    const struct block *from;
    uintptr_t holder;
    PyObject *object;
};

static int look_into(PyObject *item, void *arg) {
    const struct container *container = arg;
    if (is_wanted(container->scanner, object_map_marks(container->scanner->map, (uintptr_t)item))) {
        add_hit(container->scanner, container->from, container->holder,
                (uintptr_t)container->object, item, container->object);
    }
    return 0;
}

/** Whether C code may keep pointers in an object's own memory: a capsule, an extension's type. */
static bool has_c_fields(const struct scanner *scanner, PyTypeObject *type) {
    const struct image *image = image_list_find(scanner->images, (uintptr_t)type);
    return type == &PyCapsule_Type || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) ||
           (image && image_is_checked(image));
}

static void follow_unknown_object(struct scanner *scanner, const struct block *from,
                                  uintptr_t holder, PyObject *object, PyTypeObject *type) {
    bool is_container = type == &PyDict_Type || type == &PyList_Type || type == &PySet_Type ||
                        type == &PyFrozenSet_Type;
    Py_ssize_t items;
    if (is_wanted(scanner, object_map_marks(scanner->map, (uintptr_t)type))) {
        add_hit(scanner, from, holder, (uintptr_t)object, object, from->via);
    } else if (is_container) {
        struct container container = {scanner, from, holder, object};
        type->tp_traverse(object, look_into, &container);
    } else if (type == &PyTuple_Type) {
        /* One that was moved when it was resized leaves its head behind: read with care. */
        if (safe_read((uintptr_t)object + offsetof(PyVarObject, ob_size), &items, sizeof items)) {
            queue_block(scanner, from, holder, (uintptr_t)object,
                        (size_t)type->tp_basicsize + (size_t)items * WORD_BYTES, object);
        }
    } else if (has_c_fields(scanner, type)) {
        queue_block(scanner, from, holder, (uintptr_t)object, (size_t)type->tp_basicsize, object);
    }
}

/** Leaf values in heap blocks are left out: nobody can tell them from what stood there before. */
static void note_unclaimed(struct scanner *scanner, const struct block *from, uintptr_t holder,
                           PyObject *object, PyTypeObject *type) {
    bool is_leaf = living_is_leaf(scanner->map, scanner->images, (uintptr_t)object, type);
    if (from->depth == 0 || !is_leaf) {
        struct scan_hit hit = make_hit(from, holder, (uintptr_t)object, object, from->via);
        hit.is_leaf = is_leaf;
        append(scanner, &scanner->scan->unclaimed, &scanner->scan->unclaimed_count, hit);
    }
}

/**
 * A word that points into no image and at no known object: a heap block, or an object of C's.
 * @param next  the word after it: in a C++ vector the end of what is in use of the block
 */
static void follow_pointer(struct scanner *scanner, const struct block *from,
                           const struct image_range *segment, uintptr_t holder, uintptr_t value,
                           uintptr_t next) {
    if (value < 1 << 16 || value >> 47 || !from->image->imports_python ||
        from->depth >= SCAN_DEPTH_MAX || scanner->block_count == SCAN_BLOCKS_MAX ||
        address_set_find(&scanner->seen, value) || image_list_find(scanner->images, value) ||
        (segment && is_furniture(segment, holder))) {
        return;
    }
    PyTypeObject *type;
    enum living living = living_object(scanner->map, scanner->images, value, &type);
    if (living == LIVING_TRACKED) {
        scanner->scan->strangers++;
    }
    if (living == LIVING_NOWHERE || living == LIVING_TRACKED || living == LIVING_IMMORTAL) {
        return;
    }
    if (living != LIVING_NOT) {
        note_unclaimed(scanner, from, holder, (PyObject *)value, type);
    }
    if (living == LIVING_SURE) {
        follow_unknown_object(scanner, from, holder, (PyObject *)value, type);
        return;
    }
    size_t bytes = heap_block_bytes(value);
    bool is_vector = next > value && next - value < bytes;
    struct block *block =
        bytes ? queue_block(scanner, from, holder, value, is_vector ? next - value : bytes, NULL)
              : NULL;
    if (block) {
        block->is_exact = is_vector;
    }
}

/** Look at the words of `from`, whose contents are at `words` (in place, or a copy). */
static void scan_words(struct scanner *scanner, const struct block *from,
                       const struct image_range *segment, uintptr_t start, const uintptr_t *words,
                       size_t count) {
    for (size_t i = 0; i < count; i++) {
        uintptr_t word = words[i];
        uintptr_t value = word & ~(uintptr_t)TAG_BITS;
        if (value < 1 << 16) {
            continue;
        }
        uintptr_t holder = start + i * WORD_BYTES;
        uint8_t marks = object_map_marks(scanner->map, value) & (uint8_t)~OBJECT_COUNTED;
        if (marks) {
            if (segment && is_module_copy(segment, holder)) {
                add_copy(scanner, from, holder, word);
            } else if (is_wanted(scanner, marks) && !(segment && is_furniture(segment, holder))) {
                add_hit(scanner, from, holder, word, (PyObject *)value, from->via);
            }
        } else if (value == word) {
            follow_pointer(scanner, from, segment, holder, value, i + 1 < count ? words[i + 1] : 0);
        }
    }
}

static void scan_segment(struct scanner *scanner, struct image *image,
                         const struct image_range *segment) {
    struct block from = {.image = image, .start = segment->start, .bytes = segment->bytes};
    uintptr_t start = (segment->start + WORD_BYTES - 1) & ~(uintptr_t)(WORD_BYTES - 1);
    uintptr_t end = segment->start + segment->bytes;
    if (segment->bytes < SPARSE_BYTES_MIN) {
        scan_words(scanner, &from, segment, start, (const uintptr_t *)start,
                   (end - start) / WORD_BYTES);
        return;
    }
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t pages = (end - start / page_bytes * page_bytes + page_bytes - 1) / page_bytes;
    bool *touched = malloc(pages * sizeof *touched);
    bool known = touched && touched_pages(start, pages, touched);
    for (size_t i = 0; i < pages; i++) {
        uintptr_t next = (start / page_bytes + 1) * page_bytes;
        uintptr_t stop = next < end ? next : end;
        if (!known || touched[i]) {
            scan_words(scanner, &from, segment, start, (const uintptr_t *)start,
                       (stop - start) / WORD_BYTES);
        }
        start = next;
    }
    free(touched);
}

static void scan_block(struct scanner *scanner, const struct block *block) {
    uintptr_t words[64];
    for (size_t done = 0; done < block->bytes;) {
        size_t left = block->bytes - done;
        size_t bytes = left < sizeof words ? left & ~(size_t)TAG_BITS : sizeof words;
        if (!bytes || !safe_read(block->start + done, words, bytes)) {
            return;
        }
        scan_words(scanner, block, NULL, block->start + done, words, bytes / WORD_BYTES);
        done += bytes;
    }
}

/**
 * The states of interpreters and threads are heap blocks too, and lead to everything: an extension
 * that keeps a pointer to one has it from CPython, whose business they are.
 */
static void leave_out_states(struct scanner *scanner) {
    PyInterpreterState *interpreter = PyInterpreterState_Head();
    for (; interpreter; interpreter = PyInterpreterState_Next(interpreter)) {
        scanner->out_of_memory |= !address_set_add(&scanner->seen, (uintptr_t)interpreter);
        PyThreadState *thread = PyInterpreterState_ThreadHead(interpreter);
        for (; thread; thread = PyThreadState_Next(thread)) {
            scanner->out_of_memory |= !address_set_add(&scanner->seen, (uintptr_t)thread);
        }
    }
}

/** The thread-local blocks of one image. */
static void scan_thread_locals(struct scanner *scanner, struct image *image,
                               const struct thread_list *threads) {
    for (size_t i = 0; i < threads->count; i++) {
        uintptr_t start = tls_block(threads->items[i], image->tls_module);
        if (start) {
            struct block block = {
                .image = image, .start = start, .bytes = image->tls_bytes, .is_tls = true};
            scan_block(scanner, &block);
        }
    }
}

int scan_images(struct scan *scan, const struct image_use *use, const struct object_map *map,
                unsigned wanted, PyInterpreterState *ending, struct error *err) {
    const struct image_list *images = use->images;
    struct thread_list threads;
    if (scan_threads(&threads, ending, err) != 0) {
        return -1;
    }
    struct scanner scanner = {.scan = scan, .images = images, .map = map, .wanted = wanted};
    scanner.blocks = malloc(SCAN_BLOCKS_MAX * sizeof *scanner.blocks);
    scanner.out_of_memory = !scanner.blocks;
    leave_out_states(&scanner);
    for (size_t i = 0; scanner.blocks && i < images->count; i++) {
        struct image *image = images->items[i];
        for (size_t k = 0; use->used[i] && k < image->writable_count; k++) {
            scan_segment(&scanner, image, &image->writable[k]);
        }
        if (use->used[i] && image->tls_module) {
            scan_thread_locals(&scanner, image, &threads);
        }
    }
    for (size_t i = 0; i < scanner.block_count; i++) {
        struct block block = scanner.blocks[i];
        scan_block(&scanner, &block);
    }
    address_set_clear(&scanner.seen);
    free(scanner.blocks);
    free(threads.items);
    return scanner.out_of_memory ? error_set(err, ERR_MEMORY, "out of memory scanning images") : 0;
}

void scan_clear(struct scan *scan) {
    free(scan->hits);
    free(scan->copies);
    free(scan->unclaimed);
    free(scan->types);
    *scan = (struct scan){0};
}

void scan_hit_symbol(const struct scan_hit *hit, char *text, size_t text_bytes) {
    image_symbols_name(hit->image, hit->location, hit->is_tls, text, text_bytes);
    size_t used = strlen(text);
    if (hit->depth) {
        snprintf(text + used, text_bytes - used, "%s", hit->depth > 1 ? " → → heap" : " → heap");
    }
}
