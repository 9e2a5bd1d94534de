/**
 * What recycle.c (life, registry), strategy.c (the reloader's questions and news) and
 * by_hand.c (asked for by hand, shown in the status) share.  Not for others.
 */
#ifndef FCGI_HOST_RECYCLE_RECYCLE_INTERNAL_H
#define FCGI_HOST_RECYCLE_RECYCLE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fcgi_host/recycle/recycle.h"
#include "reload/reloader.h"

struct stale_check;

/** One named interpreter. */
struct recycled {
    struct recycled *next;
    struct recycler *recycler;
    struct pool_interpreter *interpreter;
    struct reload_target *target;
    struct stale_check *check; /**< NULL: it is never recycled in the process */
    _Atomic unsigned asked;    /**< requests by hand under way: they see to the replacement */
    pthread_mutex_t lock;
    char unrecyclable[512];      /**< @lock; "": recyclable; else which extension, and why */
    char verdict[16];            /**< @lock; of the last check */
    struct stale_report *report; /**< @lock; of the last check, or NULL */
};

struct recycler {
    struct worker *worker;
    struct reloader *reloader;
    struct reload_hooks hooks; /**< what worker->reloader points at */
    pthread_mutex_t lock;      /**< the list; may be taken while attached: held for moments only */
    struct recycled *first;
    /** Taken from a generation's last moment to the check after it: the check tells what one end
     *  freed.  (A semaphore: another thread gives it back.) */
    sem_t end_turn;
    _Atomic long base_rss_kb; /**< when the applications had loaded; 0: not yet */
    _Atomic long rss_kb;      /**< after the last retirement */
};

struct recycled *recycler_find(struct recycler *recycler,
                               const struct pool_interpreter *interpreter);

/** strategy.c: struct reloader_hooks with ctx = recycler; targets' user = recycled. */
void recycler_fill_reloader_hooks(struct recycler *recycler, struct reloader_hooks *ret_hooks);
enum reload_strategy recycler_strategy(void *ctx, struct reload_target *target,
                                       const char **ret_why);
/** Resident memory of this process. */
long recycler_rss_kb(void);

/** by_hand.c: struct reload_hooks with ctx = recycler. */
void recycler_fill_reload_hooks(struct recycler *recycler);

/* stale_state.c: the check for stale extension state.  Each attaches by pool_run(). */

void recycler_check_before_load(struct recycled *recycled, struct generation *serving);
/** @param serving  NULL: the first generation.
 *  @return 0, or -1 when on_stale forbids to go on or the check could not be made: `err` says which
 */
int recycler_check_loaded(struct recycled *recycled, struct generation *serving,
                          struct generation *next, struct error *err);
int recycler_check_after_end(struct recycled *recycled, struct generation *serving,
                             struct error *err);

#endif
