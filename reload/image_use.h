/**
 * Which extensions an interpreter uses.
 *
 * Extensions are loaded for the whole process, and applications side by side use different ones:
 * what one keeps in its variables concerns those interpreters only that can call its code.  An
 * interpreter uses an image when one of its modules, found in sys.modules or not, was made from it,
 * or it has a function, method or object of a type in it.  A library is used with the extensions
 * that were linked with it; one that none was linked with (dlopen()) may be anybody's.
 *
 * Life cycle: 1. image_use_start(); 2. image_use_look() at every object that the collector tracks
 * for the interpreters in question; 3. image_use_end(); 4. questions; 5. image_use_clear().
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_IMAGE_USE_H
#define RELOAD_IMAGE_USE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/error.h"
#include "reload/image.h"

enum { IMAGE_USE_TYPES = 64 };

struct image_use {
    const struct image_list *images; /**< unchanged from 1. to 5. */
    bool *used;                      /**< one for each of images->items */
    bool any;                        /**< an extension, or a library that knows Python's objects */
    PyTypeObject *known[IMAGE_USE_TYPES]; /**< types whose objects need no second look */
};

/** Errors: ERR_MEMORY */
int image_use_start(struct image_use *use, const struct image_list *images, struct error *err);
/** @param use  a struct image_use */
void image_use_look(PyObject *object, void *use);
void image_use_end(struct image_use *use);
void image_use_clear(struct image_use *use);

#endif
