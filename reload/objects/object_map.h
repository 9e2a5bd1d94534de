/**
 * Which interpreter owns an object, for every object of every interpreter, at one moment.
 *
 *  - An object that the garbage collector tracks belongs to the interpreter whose lists hold it.
 *  - Others (strings, numbers, containers of these) belong to those from whose objects tp_traverse
 *    reaches them; reached from two, an object belongs to both and is stale for neither.
 *  - What lies inside a loaded image (static types, singletons), what is immortal, and what hangs
 *    on a static type because CPython put it there (its dictionary, mro, descriptors) is nobody's.
 *
 * Marking and asking cost a few nanoseconds (object_marks.h), and nothing of Python is allocated or
 * changed.
 *
 * Life cycle: 1. object_map_new(); 2. object_map_track() for every interpreter that shares the
 * GIL; 3. object_map_reach() for those whose untracked objects and edges matter; 4. questions;
 * 5. object_map_free(), before the GIL is let go: an object that dies leaves its mark behind.
 *
 * @thread one at a time  @tstate attached, from 2. to 5. without a break
 */
#ifndef RELOAD_OBJECTS_OBJECT_MAP_H
#define RELOAD_OBJECTS_OBJECT_MAP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/image.h"

/** Owners, a bit each: an object that is not tracked can have several. */
enum object_owner {
    OWNER_MAIN = 1,  /**< the main interpreter */
    OWNER_OLD = 2,   /**< the generation before */
    OWNER_NEW = 4,   /**< the generation under test */
    OWNER_OTHER = 8, /**< any other sub-interpreter */
};
enum {
    OWNER_MASK = 15,
    OBJECT_TRACKED = 16,  /**< in a list of the garbage collector: exactly one owner */
    OBJECT_NOBODYS = 32,  /**< in an image, immortal, or a static type's furniture */
    OBJECT_PLAIN = 64,    /**< while looking for edges: seen, and in no list of the collector */
    OBJECT_COUNTED = 128, /**< references to it are counted */
};

struct object_map;

/** An object of one interpreter refers to a tracked object of another. */
struct object_edge {
    PyObject *from, *to;
    uint8_t from_owner, to_owner;
};

/** @return a map, or NULL with ERR_MEMORY @owns the caller. `images` must outlive it. */
struct object_map *object_map_new(const struct image_list *images, struct error *err);
void object_map_free(struct object_map *map);

/** The objects that the collector tracks for an interpreter. */
struct object_source {
    PyInterpreterState *interpreter;
    enum object_owner owner;
    py_object_function also; /**< NULL, or called for each of them, with also_arg */
    void *also_arg;
};

/** Mark every object of a source. Errors: ERR_MEMORY */
int object_map_track(struct object_map *map, const struct object_source *source, struct error *err);

/** Its dictionary, mro and the descriptors in it are nobody's. Errors: ERR_MEMORY */
int object_map_add_static_type(struct object_map *map, PyTypeObject *type, struct error *err);

/**
 * Follow tp_traverse from every tracked object of an interpreter: marks what it reaches, and
 * collects its edges to tracked objects of others (object_map_edges()).
 * Errors: ERR_MEMORY
 */
int object_map_reach(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err);

/**
 * The same for edges alone, in half the time: untracked objects are left as they are, and so belong
 * to those interpreters only for which object_map_reach() was called.  With `with_strangers` edges
 * to tracked objects of interpreters that were not tracked are found as well: their to_owner is 0
 * until object_map_name_strangers() after these were.  No object_map_reach() may follow.
 */
int object_map_find_edges(struct object_map *map, PyInterpreterState *interpreter,
                          enum object_owner owner, bool with_strangers, struct error *err);
/**
 * object_map_track() and object_map_find_edges() in one go, for an interpreter that comes last:
 * all others have been tracked.
 */
int object_map_track_last(struct object_map *map, const struct object_source *source,
                          struct error *err);
bool object_map_has_strangers(const struct object_map *map);
void object_map_name_strangers(struct object_map *map);

/** Marks of an address: owners and flags, 0 for one that is no known object. */
uint8_t object_map_marks(const struct object_map *map, uintptr_t address);

/** Count the references to an object from now on. Errors: ERR_MEMORY */
int object_map_count(struct object_map *map, const PyObject *object, struct error *err);

/**
 * References to an object that is counted from inside: how many edges of OWNER_OLD's objects lead
 * to it, as the garbage collector's trial deletion counts them.  ob_refcnt above that is held from
 * outside: by C variables, by running frames; of strings also by the keys of dictionaries.
 * @return at most OBJECT_REFERENCES_MANY
 */
size_t object_map_references(const struct object_map *map, uintptr_t address);
enum { OBJECT_REFERENCES_MANY = 255 };

/** Edges found so far; at most OBJECT_EDGES_MAX are kept. */
const struct object_edge *object_map_edges(const struct object_map *map, size_t *ret_count);
/** Beyond this many edges between interpreters the verdict is clear without more of them. */
enum { OBJECT_EDGES_MAX = 65536 };

/** The static types met (their addresses lie in images). */
PyTypeObject *const *object_map_static_types(const struct object_map *map, size_t *ret_count);

#endif
