/**
 * Which interpreter owns an object, for every object of every interpreter, at one moment.
 *
 *  - An object that the garbage collector tracks belongs to the interpreter whose lists hold it.
 *  - Another object (a string, a number, a container of these) belongs to the interpreters from
 *    whose objects tp_traverse reaches it; one that two interpreters reach is stale for neither.
 *  - These have no owner: objects inside a loaded image (static types, singletons), immortal ones,
 *    and the *furniture* of static types: what CPython hangs on them (dictionary, mro …).
 *
 * Marking and asking cost a few nanoseconds (object_marks.h).  No Python object is changed.
 *
 * Life cycle:
 *   1. object_map_new()
 *   2. object_map_track() for every interpreter that shares the GIL
 *   3. object_map_reach() for those whose untracked objects and edges matter
 *   4. questions
 *   5. object_map_free(), before the GIL is released: an object that dies leaves its mark behind
 *
 * @thread one at a time  @tstate attached, from 2. to 5. without a break
 */
#ifndef RELOAD_OBJECTS_OBJECT_MAP_H
#define RELOAD_OBJECTS_OBJECT_MAP_H

#include "pool/python/py_compat.h"

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
    OBJECT_NOBODYS = 32,  /**< no owner: in an image, immortal, or a static type's furniture */
    OBJECT_PLAIN = 64,    /**< while edges are looked for: met, and in no list of the collector */
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

/** A static type and its furniture have no owner. Errors: ERR_MEMORY */
int object_map_add_static_type(struct object_map *map, PyTypeObject *type, struct error *err);

/**
 * Follow tp_traverse from every tracked object of an interpreter: marks what it reaches, and
 * collects its edges to tracked objects of others (object_map_edges()).
 * Errors: ERR_MEMORY
 */
int object_map_reach(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err);

/**
 * The same for edges alone, in half the time: untracked objects get no owner.  No
 * object_map_reach() may follow.
 * @param with_strangers  find edges to *strangers*, too: tracked objects of interpreters that were
 *                        not tracked.  Such an edge has no to_owner yet
 */
int object_map_find_edges(struct object_map *map, PyInterpreterState *interpreter,
                          enum object_owner owner, bool with_strangers, struct error *err);
/**
 * object_map_track() and object_map_find_edges() in one go, for the last interpreter: all others
 * must have been tracked.
 */
int object_map_track_last(struct object_map *map, const struct object_source *source,
                          struct error *err);
/** Whether an edge to a stranger was found. */
bool object_map_has_strangers(const struct object_map *map);
/** Fill in the to_owner of these edges, after the other interpreters have been tracked. */
void object_map_name_strangers(struct object_map *map);

/** Marks of an address: owners and flags, 0 for one that is no known object. */
uint8_t object_map_marks(const struct object_map *map, uintptr_t address);

/** Count the references to an object from now on. Errors: ERR_MEMORY */
int object_map_count(struct object_map *map, const PyObject *object, struct error *err);

/**
 * The references to a counted object from inside: how many of OWNER_OLD's objects lead to it, as
 * the garbage collector's trial deletion counts them.  What ob_refcnt has beyond that is held from
 * outside: by C variables and running frames; for strings also by the keys of dictionaries.
 * @return at most OBJECT_REFERENCES_MANY
 */
size_t object_map_references(const struct object_map *map, uintptr_t address);
enum { OBJECT_REFERENCES_MANY = 255 };

/** Edges found so far; at most OBJECT_EDGES_MAX are kept. */
const struct object_edge *object_map_edges(const struct object_map *map, size_t *ret_count);
/** More edges between interpreters than this do not change the verdict. */
enum { OBJECT_EDGES_MAX = 65536 };

/** The static types met (their addresses lie in images). */
PyTypeObject *const *object_map_static_types(const struct object_map *map, size_t *ret_count);

#endif
