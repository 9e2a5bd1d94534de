#include "reload/living.h"

#include <string.h>

#include "reload/py_internals.h"
#include "reload/safe_read.h"

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

/** Whether a type object is at an address: one that the map knows, or a static one in an image. */
static bool is_type(const struct object_map *map, const struct image_list *images,
                    uintptr_t address) {
    if (object_map_marks(map, address) & OBJECT_TRACKED) {
        return PyType_Check((PyObject *)address);
    }
    if (!is_in_data(images, address)) {
        return false;
    }
    PyTypeObject *meta = Py_TYPE((PyObject *)address);
    return meta == &PyType_Type || /* else a static metaclass */
           ((uintptr_t)meta != address && is_in_data(images, (uintptr_t)meta) &&
            Py_TYPE((PyObject *)meta) == &PyType_Type &&
            PyType_FastSubclass(meta, Py_TPFLAGS_TYPE_SUBCLASS));
}

static size_t least_bytes(PyTypeObject *type) {
    return type == &PyUnicode_Type ? sizeof(PyASCIIObject) : (size_t)type->tp_basicsize;
}

/** What stands before and at the start of an object. */
struct head {
    uintptr_t gc[PY_GC_LINKS];
    PyObject object;
    Py_ssize_t items; /**< of a variable-sized one */
};

enum { PAGE_BYTES_MIN = 4096 };

static bool read_head(uintptr_t address, struct head *head) {
    if (safe_read(address - sizeof head->gc, head, sizeof *head)) { /* in one call */
        return true;
    }
    memset(head->gc, 0, sizeof head->gc);
    return address % PAGE_BYTES_MIN < sizeof head->gc &&
           safe_read(address, &head->object, sizeof *head - sizeof head->gc);
}

enum living living_object(const struct object_map *map, const struct image_list *images,
                          uintptr_t address, PyTypeObject **ret_type) {
    struct head head;
    if (address <= sizeof head || !read_head(address, &head)) {
        bool may_end_here = address % PAGE_BYTES_MIN > PAGE_BYTES_MIN - sizeof head;
        return may_end_here ? LIVING_NOT : LIVING_NOWHERE; /* a small block is less than a head */
    }
    if (py_is_in_gc_list(address, head.gc)) {
        return LIVING_TRACKED;
    }
    PyTypeObject *type = head.object.ob_type;
    if (!is_type(map, images, (uintptr_t)type)) {
        return LIVING_NOT;
    }
    *ret_type = type;
    if (py_is_immortal(&head.object)) {
        return LIVING_IMMORTAL;
    }
    Py_ssize_t count = Py_REFCNT(&head.object);
    if (count < 1 || count > 1 << 24) {
        return LIVING_NOT;
    }
    size_t header = py_type_header_bytes(type);
    size_t bytes = least_bytes(type);
    if (type == &PyTuple_Type) {
        if (head.items < 0 || head.items > 1 << 16) {
            return LIVING_NOT;
        }
        bytes += (size_t)head.items * sizeof(PyObject *);
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
        bool is_known = object_map_marks(map, items[i]) || image_list_find(images, items[i]);
        if (is_known) {
            continue; /* not untracked then: a singleton, a static type */
        }
        enum living living = living_object(map, images, items[i], &of_item);
        if (living <= LIVING_NOT || living == LIVING_TRACKED || !is_leaf_type(of_item)) {
            return false;
        }
    }
    return true;
}
