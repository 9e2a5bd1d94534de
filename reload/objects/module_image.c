#include "reload/objects/module_image.h"

#include "reload/objects/object_text.h"

struct image *module_image(const struct image_list *images, PyObject *module,
                           char ret_file[PATH_MAX]) {
    PyObject *file = object_dict_entry(PyModule_GetDict(module), "__file__");
    if (!file || !object_str_ends_with(file, ".so")) {
        return NULL;
    }
    object_str_text(file, ret_file, PATH_MAX);
    return image_list_find_file(images, ret_file);
}
