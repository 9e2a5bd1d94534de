/**
 * The extension modules that an interpreter has loaded, and which image each came from.
 *
 * Read from sys.modules without running any code of the application: dictionaries are searched
 * entry by entry, no attribute is asked for.
 *
 * @thread one at a time  @tstate attached, to any interpreter that shares the GIL
 */
#ifndef RELOAD_STALE_EXTENSION_H
#define RELOAD_STALE_EXTENSION_H

#include "pool/python/py_compat.h"

#include "pool/base/error.h"
#include "pool/python/module_init.h"
#include "reload/memory/image.h"

struct extension {
    char *module; /**< its name in sys.modules */
    char *file;
    struct image *image;
    enum module_init init;
};

struct extension_list {
    struct extension *items;
    size_t count;
};

/** @return 0, or -1: ERR_MEMORY  @owns extension_list_clear() */
int extension_list_read(struct extension_list *list, PyInterpreterState *interpreter,
                        const struct image_list *images, struct error *err);
void extension_list_clear(struct extension_list *list);

/** The module that an image's variables belong to; for a library the one that brought it. */
const char *extension_list_module_of(const struct extension_list *list,
                                     const struct image_list *images, const struct image *image);

#endif
