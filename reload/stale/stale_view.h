/**
 * One look at the process: which interpreter's objects the variables of extensions hold now.
 *
 * The GIL is held meanwhile, so a view does no more than its use needs.  A view of words recognises
 * objects in memory without listing them.  A full view lists all objects, unless no extension is in
 * use and CPython's own variables hold nothing new.  References are followed from the objects of a
 * generation only if a variable holds, or may hold, one of them.  Nor does it list them for a later
 * generation where the process has the standard library's extensions only, and no word of theirs
 * has changed (stale_view_words.h).
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

struct stale_view {
    struct image_list *images;
    struct py_interpreters interpreters;
    struct image_use use; /**< of `old`, in a full view of `subject` as well */
    struct object_map *map;
    struct scan scan;
    struct extension_list extensions; /**< of `subject`; in a view of words of `old` */
    PyInterpreterState *subject;      /**< the newest generation: its extensions are reported */
    PyInterpreterState *old;          /**< its objects are stale: marked OWNER_OLD */
    bool has_listed;                  /**< the map has the objects of main, old and subject */
    bool has_edges_of_new;            /**< the map has the edges of `subject`, too */
    bool with_pointers;               /**< list these in a view of words, too (scan.h) */
    bool is_first;                    /**< subject and old are the same: nothing to compare with */
};

/** What a view is for. */
enum stale_view_use {
    VIEW_WORDS, /**< which variables hold tracked objects, of any owner, or unclaimed ones */
    VIEW_FULL,  /**< their owners, what refers to them, edges between interpreters */
};

struct stale_view_options {
    struct image_list *images;
    PyInterpreterState *old; /**< its objects are looked for */
    PyInterpreterState *new; /**< the generation after it, or NULL */
    enum stale_view_use use;
    bool with_pointers;          /**< of a view of words: those that are no objects, too */
    struct stale_memory *memory; /**< read; added to by a full view */
};

/**
 * Look: map objects and scan images, as far as the use needs it.
 * Errors: ERR_MEMORY, ERR_SYSTEM (memory of an image is gone), ERR_USAGE (an interpreter with its
 * own GIL)
 */
int stale_view_open(struct stale_view *view, const struct stale_view_options *options,
                    struct error *err);
void stale_view_close(struct stale_view *view);

#endif
