/**
 * One look at the process: whose objects the variables of extensions hold, at one moment.
 *
 * Looking costs as much as there is to find out.  Without an extension in use nothing is looked at.
 * Tracked objects are listed, which is cheap; references are followed from all objects of a
 * generation only where a variable holds something of it, or something that may be.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_STALE_VIEW_H
#define RELOAD_STALE_VIEW_H

#include "reload/address_set.h"
#include "reload/extension.h"
#include "reload/image_use.h"
#include "reload/object_map.h"
#include "reload/scan.h"

/** Everything that belongs together at one moment. */
struct stale_view {
    struct image_list *images;
    struct image_use use; /**< of `old`, in a full view of `subject` as well */
    struct object_map *map;
    struct scan scan;
    struct extension_list extensions; /**< of `subject`, in a full view */
    PyInterpreterState *subject;      /**< whose extensions are reported: the newest generation */
    PyInterpreterState *old;          /**< whose objects are stale: marked OWNER_OLD */
    bool is_first;                    /**< subject and old are the same: nothing to compare with */
    bool has_listed_old;              /**< its objects are in the map already */
};

/** What a view is for: the less it has to know, the shorter the GIL is held. */
enum stale_view_use {
    VIEW_WORDS, /**< which variables hold tracked objects of `old`, or unclaimed ones */
    VIEW_FULL,  /**< what others hold too, who owns a reference, edges between interpreters */
};

/** What earlier views have found out, for the next ones to do less. */
struct stale_memory {
    /* Words that hold untracked objects: location → word. */
    struct address_set harmless; /**< a string that the variable owns; not `old`'s */
    struct address_set before;   /**< there before the load of `subject` … */
    bool knows_before;           /**< … as far as anybody looked */
    struct address_set used;     /**< the images that the last `subject` used … */
    bool knows_used;             /**< … as far as anybody looked; it is `old` now */
};

/**
 * Map all objects and scan all images.
 * @param old     whose objects are looked for
 * @param new     NULL, or the generation after it
 * @param memory  read; added to by a full view
 * Errors: ERR_MEMORY, ERR_USAGE (an interpreter with its own GIL)
 */
int stale_view_open(struct stale_view *view, struct image_list *images, PyInterpreterState *old,
                    PyInterpreterState *new, enum stale_view_use use, struct stale_memory *memory,
                    struct error *err);
void stale_view_close(struct stale_view *view);

void stale_memory_clear(struct stale_memory *memory);

#endif
