#include "reload/scan/scan_types.h"

#include <stdlib.h>

#include "pool/base/apart.h"
#include "reload/objects/living.h"

/** Whether a class's class is at an address: `type`, or a metaclass such as `_ctypes` has. */
static bool is_metaclass(const struct image_list *images, uintptr_t address) {
    if (address == (uintptr_t)&PyType_Type) {
        return true;
    }
    PyTypeObject buffer;
    const PyTypeObject *type = living_type(NULL, images, address, &buffer);
    return type && PyType_FastSubclass((PyTypeObject *)type, Py_TPFLAGS_TYPE_SUBCLASS);
}

static bool is_in_use(const struct image_list *images, const PyTypeObject *type) {
    uint64_t count = (uint64_t)Py_REFCNT((PyObject *)type); /* a pointer in its place is larger */
    return count > 0 && count >> 40 == 0 && (type->tp_flags & Py_TPFLAGS_READY) &&
           !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_basicsize > 0 &&
           type->tp_basicsize < 1 << 20 && type->tp_itemsize >= 0 && type->tp_itemsize < 1 << 20 &&
           is_metaclass(images, (uintptr_t)Py_TYPE((PyObject *)type));
}

const PyTypeObject *scan_types_at(const struct image_list *images, const struct image_part *part,
                                  uintptr_t start) {
    const PyTypeObject *type =
        start % _Alignof(PyTypeObject) ? NULL : image_part_at(part, start, sizeof *type);
    return type && is_in_use(images, type) ? type : NULL;
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

/** @param part  room for one */
static bool find_in_segment(struct scan *scan, const struct image_list *images,
                            struct image_part *part, const struct image_range *segment) {
    uintptr_t end = segment->start + segment->bytes;
    uintptr_t start = (segment->start + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
    while (segment->bytes <= SEGMENT_BYTES_MAX && image_part_go(part, start, end)) {
        for (; start < part->end; start += sizeof(uintptr_t)) {
            const PyTypeObject *type = scan_types_at(images, part, start);
            if (type && has_code(images, type) && !add_type(scan, (PyTypeObject *)start)) {
                return false;
            }
        }
    }
    return true;
}

static bool find_in_image(struct scan *scan, const struct image_list *images,
                          struct image_part *part, struct image *image) {
    for (size_t k = 0; k < image->writable_count; k++) {
        image_part_begin(part, image, &image->writable[k]);
        if (!find_in_segment(scan, images, part, &image->writable[k])) {
            return false;
        }
    }
    return true;
}

int scan_types(struct scan *scan, const struct image_use *use, struct error *err) {
    struct image_part *part = apart_calloc(1, sizeof *part);
    bool ok = part != NULL;
    for (size_t i = 0; ok && i < use->images->count; i++) {
        struct image *image = use->images->items[i];
        if (use->used[i] && image->imports_python) {
            ok = find_in_image(scan, use->images, part, image);
        }
    }
    apart_free(part);
    return ok ? image_list_was_read(use->images, err)
              : error_set(err, ERR_MEMORY, "out of memory listing static types");
}
