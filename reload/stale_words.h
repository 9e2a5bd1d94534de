/**
 * The check's judgement of single words: which hits of a scan are findings, and of what kind.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_STALE_WORDS_H
#define RELOAD_STALE_WORDS_H

#include "reload/address_set.h"
#include "reload/stale_report.h"

/** One look at the process: everything that belongs together at one moment. */
struct stale_view {
    struct image_list *images;
    struct object_map *map;
    struct scan scan;
    struct extension_list extensions; /**< of `subject` */
    PyInterpreterState *subject;      /**< whose extensions are reported: the newest generation */
    PyInterpreterState *old;          /**< whose objects are stale: marked OWNER_OLD */
    bool is_first;                    /**< subject and old are the same: nothing to compare with */
    bool *used; /**< of each image, whether old or subject uses it; NULL: not asked yet */
};

/** What a view is for: the less it has to know, the shorter the GIL is held. */
enum stale_view_use {
    VIEW_TRACKED, /**< which variables hold tracked objects */
    VIEW_ENDING,  /**< strings and the like too; who owns a reference */
    VIEW_FULL,    /**< edges between interpreters, and everything else */
};

/**
 * Map all objects and scan all images.
 * @param old  whose objects are looked for; @param new  NULL, or the generation after it
 * Errors: ERR_MEMORY, ERR_USAGE (an interpreter with its own GIL)
 */
int stale_view_open(struct stale_view *view, struct image_list *images, PyInterpreterState *old,
                    PyInterpreterState *new, enum stale_view_use use, struct error *err);
void stale_view_close(struct stale_view *view);

/** Owners (enum object_owner bits) of what a hit holds. */
unsigned stale_words_owners(const struct stale_view *view, const struct scan_hit *hit);

/**
 * Whether a variable holds an object of `old` without a reference of its own: all references come
 * from objects of `old`, and go when it ends.
 */
bool stale_words_is_borrowed(const struct stale_view *view, const struct scan_hit *hit);

/**
 * Whether a hit has to do with `old` or `subject` at all.  What an extension holds that neither
 * uses belongs to other applications, and is their concern, except for objects of `old` that a
 * variable of it owns.  (Without a reference it is an address that its memory has kept from before,
 * and where an object of `old` stands by chance.)
 */
bool stale_words_concern(struct stale_view *view, const struct scan_hit *hit, bool is_borrowed);

/**
 * Whether a hit is probably none: blocks of the heap are full of what was there before, which looks
 * like strings, code and the like that nobody has a reference to.
 */
bool stale_words_is_leftover(const struct scan_hit *hit, bool is_borrowed);

/** Turn the hits into findings. Errors: ERR_MEMORY */
int stale_words_report(struct stale_view *view, struct stale_report *report, struct error *err);

/** Turn the edges between interpreters into findings. Errors: ERR_MEMORY */
int stale_edges_report(struct stale_view *view, struct stale_report *report, struct error *err);

/** Attributes of extensions' static types that are objects of `old`. Errors: ERR_MEMORY */
int stale_types_report(struct stale_view *view, struct stale_report *report, struct error *err);

/** Calls of PyGILState_Ensure() on threads that extensions started. Errors: ERR_MEMORY */
int stale_threads_report(struct stale_view *view, struct stale_report *report, struct error *err);

#endif
