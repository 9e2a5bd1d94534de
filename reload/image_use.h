/**
 * Which extensions an interpreter uses.
 *
 * Extensions are loaded for the whole process, and applications side by side use different ones:
 * what one keeps in its variables concerns those interpreters only that can call its code.  An
 * interpreter uses an image when one of its modules, found in sys.modules or not, was made from it,
 * or it has a function, method or object of a type in it.  A library is used with the extensions
 * that were linked with it; one that none was linked with (dlopen()) may be anybody's.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_IMAGE_USE_H
#define RELOAD_IMAGE_USE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "reload/image.h"

/**
 * Mark the images that an interpreter uses.  Marks add up: call it once for each interpreter.
 * @param used  one for each of images->items
 */
void image_use_mark(const struct image_list *images, PyInterpreterState *interpreter, bool *used);

#endif
