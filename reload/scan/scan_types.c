#include "reload/scan/scan_types.h"

#include <stdlib.h>

bool scan_types_has(const struct image_range *segment, uintptr_t start) {
    if (start < segment->start || start + sizeof(PyTypeObject) > segment->start + segment->bytes) {
        return false;
    }
    const PyTypeObject *type = (const PyTypeObject *)start;
    uint64_t count = (uint64_t)Py_REFCNT((PyObject *)start); /* a pointer in its place is larger */
    return count > 0 && count >> 40 == 0 && (type->tp_flags & Py_TPFLAGS_READY) &&
           !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_basicsize > 0 &&
           type->tp_basicsize < 1 << 20 && type->tp_itemsize >= 0 && type->tp_itemsize < 1 << 20;
}

static bool add_type(struct scan *scan, PyTypeObject *type) {
    PyTypeObject **types = realloc(scan->types, (scan->type_count + 1) * sizeof *types);
    if (!types) {
        return false;
    }
    scan->types = types;
    types[scan->type_count++] = type;
    return true;
}

/** The class is also pointed at by the table of symbols (.got), and anything may follow there. */
static bool has_code(const struct image_list *images, const PyTypeObject *type) {
    return image_list_find(images, (uintptr_t)type->tp_name) &&
           image_list_find(images, (uintptr_t)type->tp_dealloc) &&
           image_list_find(images, (uintptr_t)type->tp_alloc);
}

/** Add the types of one class that stand in a segment: the words that point at the class. */
static bool find_types(struct scan *scan, const struct image_list *images,
                       const struct image_range *segment, PyTypeObject *meta) {
    const uintptr_t *words =
        (const uintptr_t *)((segment->start + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1));
    size_t count = (segment->start + segment->bytes - (uintptr_t)words) / sizeof *words;
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = (uintptr_t)&words[i] - offsetof(PyObject, ob_type);
        if (words[i] == (uintptr_t)meta && scan_types_has(segment, start) &&
            has_code(images, (PyTypeObject *)start) && !add_type(scan, (PyTypeObject *)start)) {
            return false;
        }
    }
    return true;
}

/** Segments larger than this hold tables and buffers. */
enum { SEGMENT_BYTES_MAX = 1 << 20 };

static bool find_in_image(struct scan *scan, const struct image_list *images,
                          const struct image *image) {
    bool ok = true;
    size_t first = scan->type_count;
    for (size_t k = 0; ok && k < image->writable_count; k++) {
        const struct image_range *segment = &image->writable[k];
        ok = segment->bytes > SEGMENT_BYTES_MAX || find_types(scan, images, segment, &PyType_Type);
    }
    /* Metaclasses of its own, as _ctypes has them. */
    for (size_t i = first; ok && i < scan->type_count; i++) {
        PyTypeObject *meta = scan->types[i];
        bool is_meta = PyType_FastSubclass(meta, Py_TPFLAGS_TYPE_SUBCLASS);
        for (size_t k = 0; ok && is_meta && k < image->writable_count; k++) {
            const struct image_range *segment = &image->writable[k];
            ok = segment->bytes > SEGMENT_BYTES_MAX || find_types(scan, images, segment, meta);
        }
    }
    return ok;
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
