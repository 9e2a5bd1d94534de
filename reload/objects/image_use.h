/**
 * Which extensions an interpreter uses.
 *
 * Extensions are loaded for the whole process, but applications side by side use different ones:
 * the variables of an extension concern only those interpreters that can call its code.  An
 * interpreter uses an image when one of its modules, in sys.modules or not, was made from the
 * image, or when it has a function, a method or an object of a type there.  A library is used with
 * the extensions that were linked with it.  All interpreters use CPython's own image, and a library
 * that no extension was linked with (dlopen()).
 *
 * Life cycle:
 *   1. image_use_start()
 *   2. image_use_look() at every object that the collector tracks for an interpreter; or, much
 *      cheaper, image_use_modules() for an interpreter that was looked at before and may have
 *      imported more since
 *   3. image_use_end()
 *   4. questions
 *   5. image_use_clear()
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_OBJECTS_IMAGE_USE_H
#define RELOAD_OBJECTS_IMAGE_USE_H

#include "pool/python/py_compat.h"

#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "reload/memory/address_set.h"
#include "reload/memory/image.h"

enum { IMAGE_USE_TYPES = 64 };

struct image_use {
    const struct image_list *images; /**< unchanged from 1. to 5. */
    bool *used;                      /**< one for each of images->items */
    bool any; /**< an extension is used, or a library that knows Python's objects */
    PyTypeObject *known[IMAGE_USE_TYPES]; /**< types whose objects need no second look */
};

/** Errors: ERR_MEMORY */
int image_use_start(struct image_use *use, const struct image_list *images, struct error *err);
/** @param use  a struct image_use */
void image_use_look(PyObject *object, void *use);
/** Look at sys.modules alone. */
void image_use_modules(struct image_use *use, PyInterpreterState *interpreter);
void image_use_end(struct image_use *use);

/** Copy which images are marked so far, as addresses of struct image. Errors: ERR_MEMORY */
int image_use_save(const struct image_use *use, struct address_set *ret_images, struct error *err);
/** Mark these images, too. */
void image_use_add(struct image_use *use, const struct address_set *images);
void image_use_clear(struct image_use *use);

#endif
