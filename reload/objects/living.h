/**
 * Is there a live Python object at this address?
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_OBJECTS_LIVING_H
#define RELOAD_OBJECTS_LIVING_H

#include "pool/python/py_compat.h"

#include <stdbool.h>
#include <stdint.h>

#include "reload/memory/safe_read.h"
#include "reload/objects/object_map.h"

enum living {
    LIVING_NOWHERE,  /**< nothing can be read there: no address at all */
    LIVING_NOT,      /**< no object, or not distinguishable from garbage */
    LIVING_TRACKED,  /**< in a list of the garbage collector */
    LIVING_IMMORTAL, /**< PEP 683 */
    LIVING_PROBABLE, /**< looks like one that the collector does not track */
    LIVING_SURE,     /**< the same, and its memory block is as large as the type needs */
};

/**
 * The type object at an address: one that is tracked, or a static one in an image.
 * @param map     NULL: nothing is known
 * @param buffer  for a copy
 * @return as living_read_type(), or NULL: no type is there
 */
const PyTypeObject *living_type(const struct object_map *map, const struct image_list *images,
                                uintptr_t address, PyTypeObject *buffer);

/**
 * A type that is there, to be read.  A static one may stand in a library, whose memory is not read
 * in place (image_read()); those of CPython, and those in no image, are read where they are.
 * @param buffer  for a copy
 * @return NULL: it is gone
 */
const PyTypeObject *living_read_type(const struct image_list *images, const PyTypeObject *type,
                                     PyTypeObject *buffer);

/** The words at an address, and what those before it say if they are the collector's links. */
struct living_head {
    PyObject object;
    Py_ssize_t items; /**< of a variable-sized object */
    bool is_readable;
    bool is_tracked; /**< in a list of the garbage collector, of any interpreter */
};

/** Read the heads at several addresses at once, at most SAFE_READ_MAX. */
void living_read(const uintptr_t *addresses, size_t count, struct living_head *ret_heads);
/** What PyObject_GC_IsTracked() says, which reads the object's type in place. */
bool living_is_tracked(uintptr_t address);

/**
 * Judge an address that the map does not know.  A probable object has a known type (in an image, or
 * tracked) and a plausible reference count (a freed block has the allocator's link there).
 * @param map   NULL: nothing is known
 * @param head  read by living_read(); NULL: it is read here
 * @param[out] ret_type  set for all but the first three
 */
enum living living_object(const struct object_map *map, const struct image_list *images,
                          uintptr_t address, const struct living_head *head,
                          PyTypeObject **ret_type);

/**
 * Whether a probable object is a leaf value: a string, a number, a ContextVar, or a tuple of these.
 * Memory is read with safe_read(), since the object may have died.
 */
bool living_is_leaf(const struct object_map *map, const struct image_list *images,
                    uintptr_t address, PyTypeObject *type);

#endif
