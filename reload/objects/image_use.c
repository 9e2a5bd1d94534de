#include "reload/objects/image_use.h"

#include <stdlib.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/module_image.h"

/** Mark an image and the libraries that it was linked with. */
static void mark(struct image_use *use, const struct image *image) {
    size_t index = image_list_index(use->images, image->low);
    if (use->used[index]) {
        return;
    }
    use->used[index] = true;
    for (size_t i = 0; i < use->images->count; i++) {
        const struct image *other = use->images->items[i];
        if (other->role == IMAGE_LIBRARY && image_needs(image, other)) {
            mark(use, other);
        }
    }
}

static void mark_address(struct image_use *use, const void *address) {
    const struct image *image = address ? image_list_find(use->images, (uintptr_t)address) : NULL;
    if (image && image_is_checked(image)) {
        mark(use, image);
    }
}

static void mark_module(struct image_use *use, PyObject *module) {
    PyModuleDef *def = PyModule_GetDef(module);
    char file[PATH_MAX];
    const struct image *image = def ? NULL : module_image(use->images, module, file);
    if (def) {
        mark_address(use, def);
    } else if (image && image_is_checked(image)) {
        mark(use, image);
    }
}

static void look_closer(struct image_use *use, PyObject *object, PyTypeObject *type) {
    if (PyCFunction_Check(object)) {
        mark_address(use, ((PyCFunctionObject *)object)->m_ml);
    } else if (PyModule_Check(object)) {
        mark_module(use, object);
    } else if (type == &PyMethodDescr_Type) {
        mark_address(use, ((PyMethodDescrObject *)object)->d_method);
    } else if (type == &PyGetSetDescr_Type) {
        mark_address(use, ((PyGetSetDescrObject *)object)->d_getset);
    } else { /* when one object has been seen the others tell nothing more */
        use->known[((uintptr_t)type >> 5) % IMAGE_USE_TYPES] = type;
        if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
            mark_address(use, type);
        }
    }
}

void image_use_look(PyObject *object, void *arg) {
    struct image_use *use = arg;
    PyTypeObject *type = Py_TYPE(object);
    if (use->known[((uintptr_t)type >> 5) % IMAGE_USE_TYPES] != type) {
        look_closer(use, object, type);
    }
}

int image_use_start(struct image_use *use, const struct image_list *images, struct error *err) {
    *use = (struct image_use){.images = images};
    use->used = calloc(images->count + 1, sizeof *use->used);
    return use->used ? 0 : error_set(err, ERR_MEMORY, "out of memory for the images in use");
}

void image_use_modules(struct image_use *use, PyInterpreterState *interpreter) {
    PyObject *modules = py_modules(interpreter), *name, *module;
    Py_ssize_t position = 0;
    while (modules && PyDict_Check(modules) && PyDict_Next(modules, &position, &name, &module)) {
        if (PyModule_Check(module)) {
            mark_module(use, module);
        }
    }
}

int image_use_save(const struct image_use *use, struct address_set *ret_images, struct error *err) {
    address_set_clear(ret_images);
    for (size_t i = 0; i < use->images->count; i++) {
        if (use->used[i] && !address_set_add(ret_images, (uintptr_t)use->images->items[i])) {
            return error_set(err, ERR_MEMORY, "out of memory for the images in use");
        }
    }
    return 0;
}

void image_use_add(struct image_use *use, const struct address_set *images) {
    for (size_t i = 0; i < use->images->count; i++) {
        use->used[i] |= address_set_find(images, (uintptr_t)use->images->items[i]) != NULL;
    }
}

void image_use_end(struct image_use *use) {
    for (size_t i = 0; i < use->images->count; i++) {
        const struct image *image = use->images->items[i];
        if (image->role == IMAGE_LIBRARY && !use->used[i] &&
            !image_list_user_of(use->images, image)) {
            use->used[i] = true;
        }
        use->used[i] |= image->role == IMAGE_PYTHON;
        use->any |= use->used[i] && (image->role == IMAGE_EXTENSION || image->imports_python);
    }
}

void image_use_clear(struct image_use *use) {
    free(use->used);
    use->used = NULL;
}
