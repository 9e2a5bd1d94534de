#include "reload/scan/scan_words.h"

#include <stdlib.h>
#include <unistd.h>

#include "reload/objects/heap_block.h"
#include "reload/objects/living.h"
#include "reload/scan/scan_types.h"

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
static void append_hit(struct scanner *scanner, struct scan_hit **list, size_t *count,
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

static void add_hit(struct scanner *scanner, struct scan_hit hit) {
    append_hit(scanner, &scanner->scan->hits, &scanner->scan->count, hit);
}

/** Whether a word is the m_copy field of a PyModuleDef. */
static bool is_module_copy(const struct block *from, uintptr_t location) {
    uintptr_t start = location - offsetof(PyModuleDef, m_base.m_copy);
    return from->segment && start >= from->segment->start &&
           Py_TYPE((PyObject *)start) == &PyModuleDef_Type;
}

static void add_copy(struct scanner *scanner, const struct block *from, uintptr_t holder,
                     uintptr_t word) {
    append_hit(scanner, &scanner->scan->copies, &scanner->scan->copy_count,
               make_hit(from, holder, word, (PyObject *)word, NULL));
}

/** Whether CPython keeps this word: part of a static type's furniture. */
static bool is_furniture(const struct scanner *scanner, const struct block *from,
                         uintptr_t location) {
    for (size_t i = 0; from->segment && i < PY_TYPE_FURNITURE; i++) {
        uintptr_t start = location - py_type_furniture[i];
        if (scan_types_has(scanner->images, from->segment, start)) {
            return true;
        }
    }
    return false;
}

static bool has_wanted_owner(const struct scanner *scanner, uint8_t marks) {
    unsigned owners = marks & OWNER_MASK;
    return owners && !(marks & OBJECT_NOBODYS) && !(owners & ~scanner->wanted);
}

/** Whether a living object is one to report. */
static bool is_wanted(const struct scanner *scanner, PyObject *object) {
    return scanner->map
               ? has_wanted_owner(scanner, object_map_marks(scanner->map, (uintptr_t)object))
               : PyObject_GC_IsTracked(object);
}

/** Queue memory that a word at `holder` leads to. @param via  NULL, or the object that it is of */
static struct block *queue_block(struct scanner *scanner, const struct block *from,
                                 uintptr_t holder, struct image_range memory, PyObject *via) {
    if (scanner->block_count == SCAN_BLOCKS_MAX ||
        scanner->block_bytes + memory.bytes > SCAN_BLOCK_BYTES_MAX) {
        return NULL;
    }
    struct address_entry *entry = address_set_add(&scanner->seen, memory.start);
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
    block->segment = NULL;
    block->start = memory.start;
    block->bytes = memory.bytes;
    block->depth = from->depth + (via ? 0 : 1);
    block->via = via ? via : from->via;
    block->is_exact = via != NULL;
    scanner->block_bytes += memory.bytes;
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
    if (is_wanted(container->scanner, item)) {
        add_hit(container->scanner,
                make_hit(container->from, container->holder, (uintptr_t)container->object, item,
                         container->object));
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
    if (is_wanted(scanner, (PyObject *)type)) {
        add_hit(scanner, make_hit(from, holder, (uintptr_t)object, object, from->via));
    } else if (is_container) {
        struct container container = {scanner, from, holder, object};
        type->tp_traverse(object, look_into, &container);
    } else if (type == &PyTuple_Type) {
        /* A tuple that was moved when it was resized leaves its head behind: it may be garbage. */
        if (safe_read((uintptr_t)object + offsetof(PyVarObject, ob_size), &items, sizeof items)) {
            size_t bytes = (size_t)type->tp_basicsize + (size_t)items * WORD_BYTES;
            queue_block(scanner, from, holder, (struct image_range){(uintptr_t)object, bytes},
                        object);
        }
    } else if (has_c_fields(scanner, type)) {
        size_t bytes = (size_t)type->tp_basicsize;
        queue_block(scanner, from, holder, (struct image_range){(uintptr_t)object, bytes}, object);
    }
}

/** Leaf values in heap blocks are left out: they cannot be told from leftovers. */
static void note_unclaimed(struct scanner *scanner, const struct block *from, uintptr_t holder,
                           PyObject *object, PyTypeObject *type) {
    bool is_leaf = living_is_leaf(scanner->map, scanner->images, (uintptr_t)object, type);
    if (from->depth == 0 || !is_leaf) {
        struct scan_hit hit = make_hit(from, holder, (uintptr_t)object, object, from->via);
        hit.is_leaf = is_leaf;
        append_hit(scanner, &scanner->scan->unclaimed, &scanner->scan->unclaimed_count, hit);
    }
}

/**
 * A word with tag bits may as well be two small numbers: objects are in the same terabytes as the
 * program's heap, or as CPython's own.
 */
static bool may_be_tagged(uintptr_t word) {
    enum { TERABYTE_BITS = 40 };
    intptr_t top = (intptr_t)(word >> TERABYTE_BITS);
    intptr_t heap = (intptr_t)((uintptr_t)sbrk(0) >> TERABYTE_BITS);
    intptr_t python = (intptr_t)((uintptr_t)&PyType_Type >> TERABYTE_BITS);
    return labs(top - heap) <= 1 || labs(top - python) <= 1;
}

/** Whether a word may point at a heap block, or an object that the map does not know. */
static bool may_be_address(const struct scanner *scanner, const struct block *from,
                           uintptr_t holder, uintptr_t word) {
    uintptr_t value = word & ~(uintptr_t)TAG_BITS;
    bool has_objects_only = from->image->role == IMAGE_PYTHON || value != word;
    if (scanner->map ? has_objects_only || !from->image->imports_python
                     : !has_objects_only && !from->image->imports_python) {
        return false;
    }
    return value >> 47 == 0 && (value == word || may_be_tagged(word)) &&
           from->depth < SCAN_DEPTH_MAX && scanner->block_count < SCAN_BLOCKS_MAX &&
           !address_set_find(&scanner->seen, value) && !image_list_find(scanner->images, value) &&
           !is_furniture(scanner, from, holder);
}

static void meet_tracked(struct scanner *scanner, const struct block *from,
                         const struct candidate *candidate) {
    uintptr_t value = candidate->word & ~(uintptr_t)TAG_BITS;
    if (scanner->map) {
        scanner->scan->strangers++;
    } else if (is_module_copy(from, candidate->holder)) {
        add_copy(scanner, from, candidate->holder, candidate->word);
    } else {
        add_hit(scanner,
                make_hit(from, candidate->holder, candidate->word, (PyObject *)value, from->via));
    }
}

static void follow_block(struct scanner *scanner, const struct block *from,
                         const struct candidate *candidate) {
    uintptr_t start = candidate->word;
    size_t bytes = heap_block_bytes(start);
    bool is_vector = candidate->next > start && candidate->next - start < bytes;
    struct image_range memory = {start, is_vector ? candidate->next - start : bytes};
    struct block *block =
        bytes ? queue_block(scanner, from, candidate->holder, memory, NULL) : NULL;
    if (block) {
        block->is_exact = is_vector;
    }
}

/** A word that points into no image and at no known object: a heap block, or an object of C's. */
static void follow_word(struct scanner *scanner, const struct block *from,
                        const struct candidate *candidate, const struct living_head *head) {
    uintptr_t value = candidate->word & ~(uintptr_t)TAG_BITS;
    PyTypeObject *type;
    enum living living = living_object(scanner->map, scanner->images, value, head, &type);
    if (living == LIVING_TRACKED) {
        meet_tracked(scanner, from, candidate);
    }
    if (living == LIVING_NOWHERE || living == LIVING_TRACKED || living == LIVING_IMMORTAL ||
        value != candidate->word || from->image->role == IMAGE_PYTHON ||
        address_set_find(&scanner->seen, value)) {
        return;
    }
    if (living != LIVING_NOT) {
        note_unclaimed(scanner, from, candidate->holder, (PyObject *)value, type);
    }
    if (living == LIVING_SURE) {
        follow_unknown_object(scanner, from, candidate->holder, (PyObject *)value, type);
    } else {
        follow_block(scanner, from, candidate);
    }
}

static void follow_candidates(struct scanner *scanner, const struct block *from) {
    uintptr_t addresses[SAFE_READ_MAX] = {0};
    struct living_head heads[SAFE_READ_MAX];
    size_t count = scanner->candidate_count;
    for (size_t i = 0; i < count; i++) {
        addresses[i] = scanner->candidates[i].word & ~(uintptr_t)TAG_BITS;
    }
    living_read(addresses, count, heads);
    for (size_t i = 0; i < count; i++) {
        follow_word(scanner, from, &scanner->candidates[i], &heads[i]);
    }
    scanner->candidate_count = 0;
}

static void add_candidate(struct scanner *scanner, const struct block *from,
                          struct candidate candidate) {
    scanner->candidates[scanner->candidate_count++] = candidate;
    if (scanner->candidate_count == SAFE_READ_MAX) {
        follow_candidates(scanner, from);
    }
}

/** A word that points at an object which the map knows. */
static void meet_known(struct scanner *scanner, const struct block *from, uintptr_t holder,
                       uintptr_t word, uint8_t marks) {
    if (is_module_copy(from, holder)) {
        add_copy(scanner, from, holder, word);
    } else if (has_wanted_owner(scanner, marks) && !is_furniture(scanner, from, holder)) {
        PyObject *object = (PyObject *)(word & ~(uintptr_t)TAG_BITS);
        add_hit(scanner, make_hit(from, holder, word, object, from->via));
    }
}

void scan_words(struct scanner *scanner, const struct block *from, uintptr_t start,
                const uintptr_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uintptr_t word = words[i], holder = start + i * WORD_BYTES;
        if (word < 1 << 16) {
            continue;
        }
        uint8_t marks =
            scanner->map ? object_map_marks(scanner->map, word & ~(uintptr_t)TAG_BITS) : 0;
        if (marks & (uint8_t)~OBJECT_COUNTED) {
            meet_known(scanner, from, holder, word, marks);
        } else if (may_be_address(scanner, from, holder, word)) {
            add_candidate(scanner, from,
                          (struct candidate){holder, word, i + 1 < count ? words[i + 1] : 0});
        }
    }
    follow_candidates(scanner, from);
}
