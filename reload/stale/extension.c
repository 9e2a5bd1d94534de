#include "reload/stale/extension.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/module_image.h"
#include "reload/objects/object_text.h"

/** A later interpreter may not have imported the extension, or not yet. */
static bool note_name(struct image *image, const char *module) {
    if (!image->module || strcmp(image->module, module) != 0) {
        free(image->module);
        image->module = strdup(module);
    }
    return image->module != NULL;
}

/** Its definition may be gone with its file; the image is torn then (image_read()). */
static enum module_init init_of(const struct image_list *images, PyObject *module) {
    PyModuleDef *def = PyModule_GetDef(module), copy;
    struct image *image = image_list_find(images, (uintptr_t)def);
    if (image) {
        def = image_read(image, (uintptr_t)def, &copy, sizeof copy) ? &copy : NULL;
    }
    return inspect_module_init(module, def);
}

static int add_module(struct extension_list *list, PyObject *name, PyObject *module,
                      const struct image_list *images, struct error *err) {
    char text[PATH_MAX];
    struct image *image = PyModule_Check(module) ? module_image(images, module, text) : NULL;
    if (!image || image->role != IMAGE_EXTENSION) {
        return 0;
    }
    struct extension *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items) {
        return error_set(err, ERR_MEMORY, "out of memory listing extensions");
    }
    list->items = items;
    struct extension *extension = &items[list->count++];
    extension->image = image;
    extension->init = init_of(images, module);
    extension->file = strdup(text);
    object_str_text(name, text, sizeof text);
    extension->module = strdup(text);
    if (!extension->file || !extension->module || !note_name(image, text)) {
        return error_set(err, ERR_MEMORY, "out of memory listing extensions");
    }
    return 0;
}

int extension_list_read(struct extension_list *list, PyInterpreterState *interpreter,
                        const struct image_list *images, struct error *err) {
    PyObject *modules = py_modules(interpreter), *name, *module;
    Py_ssize_t position = 0;
    *list = (struct extension_list){0};
    while (modules && PyDict_Check(modules) && PyDict_Next(modules, &position, &name, &module)) {
        if (PyUnicode_Check(name) && add_module(list, name, module, images, err) != 0) {
            extension_list_clear(list);
            return -1;
        }
    }
    return 0;
}

void extension_list_clear(struct extension_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].module);
        free(list->items[i].file);
    }
    free(list->items);
    *list = (struct extension_list){0};
}

const char *extension_list_module_of(const struct extension_list *list,
                                     const struct image_list *images, const struct image *image) {
    if (image->role == IMAGE_LIBRARY) {
        const struct image *user = image_list_user_of(images, image);
        image = user ? user : image;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].image == image) {
            return list->items[i].module;
        }
    }
    return image->module ? image->module : image_file_name(image);
}
