/**
 * Telling a living Python object from whatever else an address may be of.
 *
 * @thread one at a time  @tstate attached, GIL held
 */
#ifndef RELOAD_LIVING_H
#define RELOAD_LIVING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "reload/object_map.h"

enum living {
    LIVING_NOWHERE,  /**< nothing can be read there: no address at all */
    LIVING_NOT,      /**< no object, or nothing that can be told from none */
    LIVING_TRACKED,  /**< in a list of the garbage collector */
    LIVING_IMMORTAL, /**< PEP 683 */
    LIVING_PROBABLE, /**< looks like one that the collector does not track */
    LIVING_SURE,     /**< the same, and the block that it stands in is as large as it should be */
};

/**
 * What an address that the map does not know is of.  A probable object has a known type (in an
 * image, or tracked) and a count that makes sense (a freed block has the allocator's link there).
 * @param[out] ret_type  set for all but the first three
 */
enum living living_object(const struct object_map *map, const struct image_list *images,
                          uintptr_t address, PyTypeObject **ret_type);

/**
 * Whether a probable object is a leaf value: a string, a number, a ContextVar, or a tuple of these.
 * Looks at what it has to with care, since the object may have died.
 */
bool living_is_leaf(const struct object_map *map, const struct image_list *images,
                    uintptr_t address, PyTypeObject *type);

#endif
