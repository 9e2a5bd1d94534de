#include "reload/image_use.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "reload/object_text.h"
#include "reload/py_internals.h"

struct marking {
    const struct image_list *images;
    bool *used;
};

static size_t index_of(const struct image_list *images, const struct image *image) {
    size_t low = 0, high = images->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (images->items[middle]->low < image->low) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/** Mark an image, and the libraries that it was linked with. */
static void mark(const struct marking *marking, const struct image *image) {
    size_t index = index_of(marking->images, image);
    if (marking->used[index]) {
        return;
    }
    marking->used[index] = true;
    for (size_t i = 0; i < marking->images->count; i++) {
        const struct image *other = marking->images->items[i];
        if (other->role == IMAGE_LIBRARY && image_needs(image, other)) {
            mark(marking, other);
        }
    }
}

static void mark_address(const struct marking *marking, const void *address) {
    const struct image *image =
        address ? image_list_find(marking->images, (uintptr_t)address) : NULL;
    if (image && image_is_checked(image)) {
        mark(marking, image);
    }
}

/** A copy that CPython makes of a module that initialises once has no definition, but a file. */
static void mark_file(const struct marking *marking, PyObject *module) {
    char path[PATH_MAX];
    PyObject *file = object_dict_entry(PyModule_GetDict(module), "__file__");
    if (!file || !PyUnicode_Check(file)) {
        return;
    }
    object_str_text(file, path, sizeof path);
    size_t length = strlen(path);
    const struct image *image = length > 3 && strcmp(path + length - 3, ".so") == 0
                                    ? image_list_find_file(marking->images, path)
                                    : NULL;
    if (image && image_is_checked(image)) {
        mark(marking, image);
    }
}

static void mark_users(PyObject *object, void *arg) {
    const struct marking *marking = arg;
    PyTypeObject *type = Py_TYPE(object);
    if (PyModule_Check(object)) {
        PyModuleDef *def = PyModule_GetDef(object);
        if (def) {
            mark_address(marking, def);
        } else {
            mark_file(marking, object);
        }
    } else if (PyCFunction_Check(object)) {
        mark_address(marking, ((PyCFunctionObject *)object)->m_ml);
    } else if (type == &PyMethodDescr_Type) {
        mark_address(marking, ((PyMethodDescrObject *)object)->d_method);
    } else if (type == &PyGetSetDescr_Type) {
        mark_address(marking, ((PyGetSetDescrObject *)object)->d_getset);
    } else if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        mark_address(marking, type);
    }
}

void image_use_mark(const struct image_list *images, PyInterpreterState *interpreter, bool *used) {
    struct marking marking = {images, used};
    py_gc_each(interpreter, mark_users, &marking);
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = images->items[i];
        if (image->role == IMAGE_LIBRARY && !used[i] && !image_list_user_of(images, image)) {
            used[i] = true;
        }
    }
}
