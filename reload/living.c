#include "reload/living.h"

#include "reload/safe_read.h"

/** Whether a type object is at an address: one that the map knows, or a static one in an image. */
static bool is_type(const struct object_map *map, const struct image_list *images,
                    uintptr_t address) {
    PyObject head;
    if (object_map_marks(map, address) & OBJECT_TRACKED) {
        return PyType_Check((PyObject *)address);
    }
    if (address % sizeof address || !image_list_find(images, address) ||
        !safe_read(address, &head, sizeof head)) {
        return false;
    }
    uintptr_t meta = (uintptr_t)head.ob_type;
    return head.ob_type == &PyType_Type || /* else a static metaclass */
           (meta != address && image_list_find(images, meta) &&
            safe_read(meta, &head, sizeof head) && head.ob_type == &PyType_Type &&
            PyType_FastSubclass((PyTypeObject *)meta, Py_TPFLAGS_TYPE_SUBCLASS));
}

static size_t least_bytes(PyTypeObject *type) {
    return type == &PyUnicode_Type ? sizeof(PyASCIIObject) : (size_t)type->tp_basicsize;
}

enum living living_object(const struct object_map *map, const struct image_list *images,
                          uintptr_t address, PyTypeObject **ret_type) {
    struct {
        PyObject object;
        Py_ssize_t items; /* of a variable-sized one */
    } head;
    if (py_is_in_gc_list(address)) {
        return LIVING_TRACKED;
    }
    if (!safe_read(address, &head, sizeof head) ||
        !is_type(map, images, (uintptr_t)head.object.ob_type)) {
        return LIVING_NOT;
    }
    PyTypeObject *type = head.object.ob_type;
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
           type == &PyFloat_Type || type == &PyComplex_Type || type == &PyBool_Type;
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
        if (living == LIVING_NOT || living == LIVING_TRACKED || !is_leaf_type(of_item)) {
            return false;
        }
    }
    return true;
}
