/**
 * What stale.c (before the load, before the switch) and stale_end.c (around the end of an
 * interpreter) share.  For this room only.
 */
#ifndef RELOAD_STALE_STALE_INTERNAL_H
#define RELOAD_STALE_STALE_INTERNAL_H

#include "reload/objects/free_watch.h"
#include "reload/stale/remembered.h"
#include "reload/stale/stale.h"
#include "reload/stale/stale_view.h"

struct stale_check {
    struct image_list images;
    struct remembered_list before_load; /**< words into the generation that served then */
    struct remembered_list before_end;  /**< words into the generation that is being ended */
    bool is_end_unseen;                 /**< before_end could not be made: nobody knows them */
    struct scan_hit *cut;               /**< what was not looked at whole, of that generation */
    size_t cut_count;
    struct stale_memory memory;
    struct free_watch *watch; /**< on between before_end and after_end, when there are such words */
};

/** stale_view_open() with the check's images and, unless others are given, its memory. */
int stale_check_open(struct stale_check *check, struct stale_view *view,
                     struct stale_view_options options, struct error *err);

/** Forget what was noted before the end; a watch is stopped. */
void stale_check_forget_end(struct stale_check *check);

#endif
