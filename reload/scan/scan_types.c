#include "reload/scan/scan_types.h"

#include <stdlib.h>

#include "pool/base/apart.h"
#include "reload/objects/living.h"

/** Whether a class's class is at an address: `type`, or a metaclass such as `_ctypes` has. */
static bool is_metaclass(const struct image_list *images, uintptr_t address) {
    return address == (uintptr_t)&PyType_Type ||
           (living_is_type(NULL, images, address) &&
            PyType_FastSubclass((PyTypeObject *)address, Py_TPFLAGS_TYPE_SUBCLASS));
}

bool scan_types_has(const struct image_list *images, const struct image_range *segment,
                    uintptr_t start) {
    if (start % _Alignof(PyTypeObject) || start < segment->start ||
        start + sizeof(PyTypeObject) > segment->start + segment->bytes) {
        return false;
    }
    const PyTypeObject *type = (const PyTypeObject *)start;
    uint64_t count = (uint64_t)Py_REFCNT((PyObject *)start); /* a pointer in its place is larger */
    return count > 0 && count >> 40 == 0 && (type->tp_flags & Py_TPFLAGS_READY) &&
           !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_basicsize > 0 &&
           type->tp_basicsize < 1 << 20 && type->tp_itemsize >= 0 && type->tp_itemsize < 1 << 20 &&
           is_metaclass(images, (uintptr_t)Py_TYPE((PyObject *)start));
}

static bool add_type(struct scan *scan, PyTypeObject *type) {
    PyTypeObject **types = apart_realloc(scan->types, (scan->type_count + 1) * sizeof *types);
    if (!types) {
        return false;
    }
    scan->types = types;
    types[scan->type_count++] = type;
    return true;
}

/** What looks like a type may be a part of one, or of a table: the rest must fit, too. */
static bool has_code(const struct image_list *images, const PyTypeObject *type) {
    return image_list_find(images, (uintptr_t)type->tp_name) &&
           image_list_find(images, (uintptr_t)type->tp_dealloc) &&
           image_list_find(images, (uintptr_t)type->tp_alloc);
}

/** Segments larger than this hold tables and buffers. */
enum { SEGMENT_BYTES_MAX = 1 << 20 };

static bool find_in_segment(struct scan *scan, const struct image_list *images,
                            const struct image_range *segment) {
    uintptr_t end = segment->start + segment->bytes;
    uintptr_t start = (segment->start + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
    for (; segment->bytes <= SEGMENT_BYTES_MAX && start < end; start += sizeof(uintptr_t)) {
        if (scan_types_has(images, segment, start) && has_code(images, (PyTypeObject *)start) &&
            !add_type(scan, (PyTypeObject *)start)) {
            return false;
        }
    }
    return true;
}

static bool find_in_image(struct scan *scan, const struct image_list *images,
                          const struct image *image) {
    for (size_t k = 0; k < image->writable_count; k++) {
        if (!find_in_segment(scan, images, &image->writable[k])) {
            return false;
        }
    }
    return true;
}

int scan_types(struct scan *scan, const struct image_use *use, struct error *err) {
    for (size_t i = 0; i < use->images->count; i++) {
        const struct image *image = use->images->items[i];
        if (use->used[i] && image->imports_python && !find_in_image(scan, use->images, image)) {
            return error_set(err, ERR_MEMORY, "out of memory listing static types");
        }
    }
    return 0;
}
