/**
 * The cheap part of a look at the process (stale_view.h): what the words in memory tell alone,
 * without a list of the objects.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_STALE_STALE_VIEW_WORDS_H
#define RELOAD_STALE_STALE_VIEW_WORDS_H

#include "reload/stale/stale_view.h"

/** Scan the images in use. @param map  NULL: find tracked objects of any owner.
 *  Errors: ERR_MEMORY */
int stale_view_scan(struct stale_view *view, const struct object_map *map, struct error *err);

/** Mark the images that `old` uses: those known from when it was new, and later imports. */
void stale_view_use_of_old(struct stale_view *view, const struct stale_memory *memory);

/** Whether an untracked object may be stale, or borrowed: references must be followed to know. */
bool stale_view_is_open(const struct stale_view *view, const struct stale_memory *memory,
                        const struct scan_hit *hit, bool is_leaf);

/** A view of words. Errors: ERR_MEMORY */
int stale_view_words(struct stale_view *view, struct stale_memory *memory, struct error *err);

/** Whether variables of the images in use hold anything that the last full view did not see. */
int stale_view_has_new_words(struct stale_view *view, const struct stale_memory *memory,
                             bool *ret_has, struct error *err);

/**
 * Whether a later view need not list the objects, as long as the process has no extensions but the
 * standard library's.  These keep objects in variables and what these lead to, or nowhere: where a
 * full view has found nothing and no such word has changed since, the new generation cannot have
 * met an object of the old one.  Of other extensions that is not known, so the objects themselves
 * are asked.
 *
 * When true, `view` is complete, with nothing in it; else it is as before.
 * Errors: ERR_MEMORY
 */
int stale_view_settle_by_words(struct stale_view *view, struct stale_memory *memory,
                               bool *ret_is_settled, struct error *err);

#endif
