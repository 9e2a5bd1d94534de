/**
 * From a module object to the image that it was made from.
 *
 * A copy that CPython makes of a single-phase module has no definition in the image, but its
 * `__file__` still names the file.  The dictionary is looked through, no attribute is asked for.
 *
 * @thread one at a time  @tstate attached, to any interpreter that shares the GIL
 */
#ifndef RELOAD_OBJECTS_MODULE_IMAGE_H
#define RELOAD_OBJECTS_MODULE_IMAGE_H

#include "pool/python/py_compat.h"

#include <limits.h>

#include "reload/memory/image.h"

/**
 * @param[out] ret_file  the module's `__file__`, when an image is returned
 * @return the image that was loaded from that file; NULL: it is no shared object, or not loaded
 */
struct image *module_image(const struct image_list *images, PyObject *module,
                           char ret_file[PATH_MAX]);

#endif
