#include "reload/scan/scan_follow.h"

#include "reload/objects/heap_block.h"
#include "reload/objects/living.h"
#include "reload/scan/scan_hits.h"
#include "reload/scan/scan_queue.h"

/** Queue the contents of a container that C alone holds, by a word at `holder`. */
static void queue_container(struct scanner *scanner, const struct block *from, uintptr_t holder,
                            PyObject *object) {
    Py_ssize_t items = PyObject_Length(object); /* of exact types: no code of the application */
    struct image_range memory = {(uintptr_t)object, (size_t)items * WORD_BYTES};
    struct block *block = scan_queue_block(scanner, from, holder, memory, object);
    if (block) {
        block->container = object;
        block->holder = from->container ? from->holder : holder;
        block->held = from->container ? from->held : (uintptr_t)object;
    }
}

/** How much of an object may have pointers of C code's: of a capsule, of an extension's type. */
static size_t c_fields_bytes(const struct scanner *scanner, const PyTypeObject *type) {
    const struct image *image = image_list_find(scanner->images, (uintptr_t)type);
    bool is_extensions =
        image ? image_is_checked(image) : (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    PyTypeObject buffer;
    if (is_extensions || type == &PyCapsule_Type) {
        type = living_read_type(scanner->images, type, &buffer);
        return type ? (size_t)type->tp_basicsize : 0;
    }
    return 0;
}

static void follow_unknown_object(struct scanner *scanner, const struct block *from,
                                  uintptr_t holder, PyObject *object, PyTypeObject *type) {
    bool is_container = type == &PyDict_Type || type == &PyList_Type || type == &PySet_Type ||
                        type == &PyFrozenSet_Type;
    Py_ssize_t items;
    size_t bytes;
    if (scan_hits_is_wanted(scanner, (PyObject *)type)) {
        scan_hits_add(scanner, scan_hits_make(from, holder, (uintptr_t)object, object, from->via));
    } else if (is_container) {
        queue_container(scanner, from, holder, object);
    } else if (type == &PyTuple_Type) {
        /* A tuple that was moved when it was resized leaves its head behind: it may be garbage. */
        if (safe_read((uintptr_t)object + offsetof(PyVarObject, ob_size), &items, sizeof items)) {
            bytes = (size_t)type->tp_basicsize + (size_t)items * WORD_BYTES;
            scan_queue_block(scanner, from, holder, (struct image_range){(uintptr_t)object, bytes},
                             object);
        }
    } else if ((bytes = c_fields_bytes(scanner, type)) > 0) {
        scan_queue_block(scanner, from, holder, (struct image_range){(uintptr_t)object, bytes},
                         object);
    }
}

/** Following the contents of a container. */
struct contents {
    struct scanner *scanner;
    const struct block *from;
};

static int look_into(PyObject *item, void *arg) {
    const struct contents *contents = arg;
    struct scanner *scanner = contents->scanner;
    const struct block *from = contents->from;
    uint8_t marks = scanner->map ? object_map_marks(scanner->map, (uintptr_t)item) : 0;
    if (scan_hits_is_wanted(scanner, item)) {
        scan_hits_add(scanner,
                      scan_hits_make(from, from->holder, from->held, item, from->container));
    } else if (!(marks & (uint8_t)~OBJECT_COUNTED) && !living_is_tracked((uintptr_t)item) &&
               !image_list_find(scanner->images, (uintptr_t)item)) {
        follow_unknown_object(scanner, from, from->holder, item, Py_TYPE(item));
    }
    return 0;
}

void scan_follow_container(struct scanner *scanner, const struct block *block) {
    struct contents contents = {scanner, block};
    Py_TYPE(block->container)->tp_traverse(block->container, look_into, &contents);
}

/** Leaf values in heap blocks are left out: they cannot be told from leftovers. */
static void note_unclaimed(struct scanner *scanner, const struct block *from, uintptr_t holder,
                           PyObject *object, PyTypeObject *type) {
    bool is_leaf = living_is_leaf(scanner->map, scanner->images, (uintptr_t)object, type);
    if (from->depth == 0 || !is_leaf) {
        struct scan_hit hit = scan_hits_make(from, holder, (uintptr_t)object, object, from->via);
        hit.is_leaf = is_leaf;
        scan_hits_append(scanner, &scanner->scan->unclaimed, &scanner->scan->unclaimed_count, hit);
    }
}

bool scan_follow_may_be_address(const struct scanner *scanner, const struct block *from,
                                uintptr_t word) {
    uintptr_t value = word & ~(uintptr_t)TAG_BITS;
    bool has_objects_only = from->image->role == IMAGE_PYTHON || value != word;
    if (scanner->map ? has_objects_only || !from->image->imports_python
                     : !has_objects_only && !from->image->imports_python) {
        return false;
    }
    return value >> 47 == 0 && (value == word || scan_follow_may_be_near(scanner, word)) &&
           !address_set_find(&scanner->seen, value) && !image_list_find(scanner->images, value);
}

static void meet_tracked(struct scanner *scanner, const struct block *from,
                         const struct candidate *candidate) {
    uintptr_t value = candidate->word & ~(uintptr_t)TAG_BITS;
    if (scanner->map) {
        scanner->scan->strangers++;
    } else if (scan_hits_is_module_copy(from, candidate->holder)) {
        scan_hits_add_copy(scanner, from, candidate->holder, candidate->word);
    } else {
        scan_hits_add(scanner, scan_hits_make(from, candidate->holder, candidate->word,
                                              (PyObject *)value, from->via));
    }
}

/** Whether a block that a word leads into is an object's: it is not C code's to keep pointers in.
 */
static bool has_object(const struct scanner *scanner, uintptr_t start) {
    enum { HEADERS_MAX = 2 };
    for (uintptr_t i = 0; i <= HEADERS_MAX; i++) {
        uintptr_t address = start + i * PY_GC_LINKS * WORD_BYTES;
        PyTypeObject *type;
        if ((scanner->map && object_map_marks(scanner->map, address)) ||
            living_object(scanner->map, scanner->images, address, NULL, &type) > LIVING_NOT) {
            return true;
        }
    }
    return false;
}

/**
 * Whether a living object stands inside what looks like a block: then it is none.  A pointer that
 * was left behind leads to memory which was freed and has become part of other blocks since; the
 * words by which malloc() knows its blocks may stand there still.
 */
static bool overlaps_object(const struct scanner *scanner, uintptr_t start, size_t bytes) {
    enum { OBJECT_ALIGNMENT = 16 };
    for (size_t i = OBJECT_ALIGNMENT; scanner->map && i < bytes; i += OBJECT_ALIGNMENT) {
        if (object_map_marks(scanner->map, start + i) & (uint8_t)~OBJECT_COUNTED) {
            return true;
        }
    }
    return false;
}

/**
 * The part of a block that was written.  An object that C code keeps to use its memory again has no
 * count any more, but its type, and blocks are larger than objects.
 */
static size_t written_bytes(const struct scanner *scanner, const struct living_head *head,
                            size_t bytes) {
    PyTypeObject buffer;
    const PyTypeObject *type =
        living_type(scanner->map, scanner->images, (uintptr_t)head->object.ob_type, &buffer);
    return type && !type->tp_itemsize && (size_t)type->tp_basicsize < bytes
               ? (size_t)type->tp_basicsize
               : bytes;
}

/** Follow a heap block of C code's: the word leads to its start, or into it. */
static void follow_block(struct scanner *scanner, const struct block *from,
                         const struct candidate *candidate, const struct living_head *head) {
    uintptr_t start = candidate->word;
    size_t bytes = written_bytes(scanner, head, heap_block_bytes(start));
    bool is_vector = candidate->next > start && candidate->next - start < bytes;
    if (!bytes) {
        bytes = heap_block_around(candidate->word, &start);
        if (!bytes) {
            scan_queue_mapping(scanner, from, candidate->holder, candidate->word);
        }
        if (!bytes || has_object(scanner, start)) {
            return;
        }
    }
    if (heap_free_has(&scanner->free, start) || overlaps_object(scanner, start, bytes)) {
        return;
    }
    struct image_range memory = {start, is_vector ? candidate->next - start : bytes};
    struct block *block = scan_queue_block(scanner, from, candidate->holder, memory, NULL);
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
        follow_block(scanner, from, candidate, head);
    }
}

void scan_follow_candidates(struct scanner *scanner, const struct block *from) {
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
