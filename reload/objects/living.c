#include "reload/objects/living.h"

#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"
#include "reload/objects/heap_block.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

/** The address lies in memory that an image keeps mapped and writes to, as static types do. */
static bool is_in_data(const struct image_list *images, uintptr_t address) {
    const struct image *image = address % sizeof address ? NULL : image_list_find(images, address);
    for (size_t i = 0; image && i < image->writable_count; i++) {
        const struct image_range *segment = &image->writable[i];
        if (address - segment->start < segment->bytes &&
            segment->bytes - (address - segment->start) >= sizeof(PyTypeObject)) {
            return true;
        }
    }
    return false;
}

const PyTypeObject *living_read_type(const struct image_list *images, const PyTypeObject *type,
                                     PyTypeObject *buffer) {
    struct image *image = image_list_find(images, (uintptr_t)type);
    if (!image || !image_is_checked(image)) {
        return type;
    }
    return image_read(image, (uintptr_t)type, buffer, sizeof *buffer) ? buffer : NULL;
}

bool living_is_tracked(uintptr_t address) {
    struct living_head head;
    living_read(&address, 1, &head);
    return head.is_tracked;
}

/** Whether an object's class, a metaclass, makes it a type. */
static bool is_metaclass(const struct image_list *images, const PyTypeObject *meta) {
    PyTypeObject copy;
    return meta == &PyType_Type ||
           ((meta = living_read_type(images, meta, &copy)) &&
            PyType_FastSubclass((PyTypeObject *)meta, Py_TPFLAGS_TYPE_SUBCLASS));
}

/** A type in an image. @return NULL: none is there, or it cannot be read */
static const PyTypeObject *static_type(const struct image_list *images, const PyTypeObject *type,
                                       PyTypeObject *buffer) {
    PyTypeObject copy;
    const PyTypeObject *there = living_read_type(images, type, buffer);
    const PyTypeObject *meta = there ? Py_TYPE((PyObject *)there) : NULL;
    if (meta == &PyType_Type) {
        return there;
    }
    bool is_static_metaclass = meta && meta != type && is_in_data(images, (uintptr_t)meta) &&
                               (meta = living_read_type(images, meta, &copy)) &&
                               Py_TYPE((PyObject *)meta) == &PyType_Type &&
                               PyType_FastSubclass((PyTypeObject *)meta, Py_TPFLAGS_TYPE_SUBCLASS);
    return is_static_metaclass ? there : NULL;
}

const PyTypeObject *living_type(const struct object_map *map, const struct image_list *images,
                                uintptr_t address, PyTypeObject *buffer) {
    const PyTypeObject *type = (const PyTypeObject *)address;
    bool is_tracked = map && (object_map_marks(map, address) & OBJECT_TRACKED);
    if (!is_tracked && is_in_data(images, address)) {
        return static_type(images, type, buffer);
    }
    is_tracked = is_tracked || (!map && address > 1 << 16 && address >> 47 == 0 &&
                                address % sizeof address == 0 && living_is_tracked(address));
    return is_tracked && is_metaclass(images, Py_TYPE((PyObject *)type)) ? type : NULL;
}

/** An object's head with the collector's links before it, read in one go. */
struct linked_head {
    uintptr_t links[PY_GC_LINKS];
    PyObject object;
    Py_ssize_t items;
};

enum { PAGE_BYTES_MIN = 4096 };

/** A page of memory may start or end close by, and what lies beyond not be there. */
static bool read_without_links(uintptr_t address, struct linked_head *head) {
    memset(head->links, 0, sizeof head->links);
    return address % PAGE_BYTES_MIN < sizeof head->links &&
           safe_read(address, &head->object, sizeof *head - sizeof head->links);
}

static void read_heads(const uintptr_t *addresses, size_t count, struct linked_head *heads,
                       struct living_head *ret_heads) {
    uintptr_t starts[SAFE_READ_MAX] = {0};
    bool was_read[SAFE_READ_MAX];
    for (size_t i = 0; i < count; i++) {
        starts[i] = addresses[i] - sizeof heads->links;
    }
    safe_read_each(starts, count, heads, sizeof *heads, was_read);
    for (size_t i = 0; i < count; i++) {
        bool is_readable = was_read[i] || read_without_links(addresses[i], &heads[i]);
        ret_heads[i] = (struct living_head){heads[i].object, heads[i].items, is_readable, false};
    }
}

void living_read(const uintptr_t *addresses, size_t count, struct living_head *ret_heads) {
    struct linked_head heads[SAFE_READ_MAX];
    uintptr_t places[SAFE_READ_MAX], back[SAFE_READ_MAX];
    size_t of[SAFE_READ_MAX], place_count = 0;
    bool was_read[SAFE_READ_MAX];
    read_heads(addresses, count, heads, ret_heads);
    for (size_t i = 0; i < count; i++) {
        uintptr_t place = ret_heads[i].is_readable ? inspect_gc_link_back(heads[i].links) : 0;
        if (place) {
            of[place_count] = i;
            places[place_count++] = place;
        }
    }
    safe_read_each(places, place_count, back, sizeof *back, was_read);
    for (size_t i = 0; i < place_count; i++) {
        ret_heads[of[i]].is_tracked =
            was_read[i] && inspect_gc_leads_back(back[i], addresses[of[i]]);
    }
}

/**
 * Whether a pointer stands where an object has its count, as in a list's node: an immortal object
 * is told by bit 31, which pointers have, too, but has zeros above.
 */
static bool has_pointer_for_count(const PyObject *object) {
    uintptr_t word;
    memcpy(&word, object, sizeof word);
    return word >> 32 & 0xFFFF; /* 3.14 has flags in the last bits */
}

/** AddressSanitizer keeps freed memory as it was, where an allocator would put its link. */
static bool is_freed(uintptr_t address) {
#ifdef __SANITIZE_ADDRESS__
    return __asan_region_is_poisoned((void *)address, sizeof(PyObject)) != NULL;
#else
    (void)address;
    return false;
#endif
}

enum living living_object(const struct object_map *map, const struct image_list *images,
                          uintptr_t address, const struct living_head *head,
                          PyTypeObject **ret_type) {
    struct living_head own;
    if (!head) {
        living_read(&address, 1, &own);
        head = &own;
    }
    if (!head->is_readable) {
        /* A small block at the end of a page is less than a head. */
        bool may_end_here = address % PAGE_BYTES_MIN > PAGE_BYTES_MIN - sizeof(struct linked_head);
        return may_end_here ? LIVING_NOT : LIVING_NOWHERE;
    }
    if (head->is_tracked) {
        return LIVING_TRACKED;
    }
    PyTypeObject buffer, *place = head->object.ob_type;
    const PyTypeObject *type = is_freed(address) || has_pointer_for_count(&head->object)
                                   ? NULL
                                   : living_type(map, images, (uintptr_t)place, &buffer);
    if (!type) {
        return LIVING_NOT;
    }
    *ret_type = place;
    if (inspect_is_immortal((PyObject *)&head->object)) {
        return LIVING_IMMORTAL;
    }
    Py_ssize_t count = Py_REFCNT((PyObject *)&head->object);
    if (count < 1 || count > 1 << 24) {
        return LIVING_NOT;
    }
    size_t header = inspect_type_header_bytes(type);
    size_t bytes = place == &PyUnicode_Type ? sizeof(PyASCIIObject) : (size_t)type->tp_basicsize;
    if (place == &PyTuple_Type) {
        if (head->items < 0 || head->items > 1 << 16) {
            return LIVING_NOT;
        }
        bytes += (size_t)head->items * sizeof(PyObject *);
    }
    return heap_block_bytes(address - header) >= header + bytes ? LIVING_SURE : LIVING_PROBABLE;
}

static bool is_leaf_type(const PyTypeObject *type) {
    return type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyLong_Type ||
           type == &PyFloat_Type || type == &PyComplex_Type || type == &PyBool_Type ||
           type == &PyContextVar_Type;
}

/** Longer tuples are not looked through. */
enum { LEAF_ITEMS_MAX = 64 };

bool living_is_leaf(const struct object_map *map, const struct image_list *images,
                    uintptr_t address, PyTypeObject *type) {
    uintptr_t items[LEAF_ITEMS_MAX];
    Py_ssize_t count;
    if (type != &PyTuple_Type) {
        return is_leaf_type(type);
    }
    if (!safe_read(address + offsetof(PyVarObject, ob_size), &count, sizeof count) || count < 0 ||
        count > LEAF_ITEMS_MAX ||
        !safe_read(address + offsetof(PyTupleObject, ob_item), items,
                   (size_t)count * sizeof *items)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyTypeObject *of_item = NULL;
        bool is_known =
            (map && object_map_marks(map, items[i])) || image_list_find(images, items[i]);
        if (is_known) {
            continue; /* not untracked then: a singleton, a static type */
        }
        enum living living = living_object(map, images, items[i], NULL, &of_item);
        if (living <= LIVING_NOT || living == LIVING_TRACKED || !is_leaf_type(of_item)) {
            return false;
        }
    }
    return true;
}
