/**
 * One look at the process: whose objects the variables of extensions hold, at one moment.
 *
 * Looking costs as much as there is to find out.  A view of words alone tells objects from other
 * memory by their looks, without listing them.  A full view lists all objects; references are
 * followed from those of a generation only where a variable holds something of it, or something
 * that may be.  Without an extension in use nothing is listed either, unless a variable of
 * CPython's own holds something new.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_STALE_STALE_VIEW_H
#define RELOAD_STALE_STALE_VIEW_H

#include "reload/memory/address_set.h"
#include "reload/objects/image_use.h"
#include "reload/objects/object_map.h"
#include "reload/scan/scan.h"
#include "reload/stale/extension.h"
#include "reload/stale/stale_memory.h"

/** Everything that belongs together at one moment. */
struct stale_view {
    struct image_list *images;
    struct py_interpreters interpreters;
    struct image_use use; /**< of `old`, in a full view of `subject` as well */
    struct object_map *map;
    struct scan scan;
    struct extension_list extensions; /**< of `subject`, in a full view */
    PyInterpreterState *subject;      /**< whose extensions are reported: the newest generation */
    PyInterpreterState *old;          /**< whose objects are stale: marked OWNER_OLD */
    bool has_listed;                  /**< the objects of all of these are in the map */
    bool has_edges_of_new;            /**< … and what `subject` refers to */
    bool is_first;                    /**< subject and old are the same: nothing to compare with */
};

/** What a view is for: the less it has to know, the shorter the GIL is held. */
enum stale_view_use {
    VIEW_WORDS, /**< which variables hold tracked objects, whosever, or unclaimed ones */
    VIEW_FULL,  /**< whose they are, who owns a reference, edges between interpreters */
};

struct stale_view_options {
    struct image_list *images;
    PyInterpreterState *old; /**< whose objects are looked for */
    PyInterpreterState *new; /**< the generation after it, or NULL */
    enum stale_view_use use;
    struct stale_memory *memory; /**< read; added to by a full view */
};

/**
 * Look: map objects and scan images, as far as the use needs it.
 * Errors: ERR_MEMORY, ERR_USAGE (an interpreter with its own GIL)
 */
int stale_view_open(struct stale_view *view, const struct stale_view_options *options,
                    struct error *err);
void stale_view_close(struct stale_view *view);

#endif
