/**
 * What recycler.c (life, registry), recycler_hooks.c (the reloader's questions and news) and
 * recycler_control.c (asked for by hand, shown in the status) share.  Not for others.
 */
#ifndef FCGI_HOST_RECYCLER_STATE_H
#define FCGI_HOST_RECYCLER_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fcgi_host/recycler.h"
#include "reload/reloader.h"

/** One named interpreter. */
struct recycled {
    struct recycled *next;
    struct recycler *recycler;
    struct pool_interpreter *interpreter;
    struct reload_target *target;
    bool owns_gil;
    _Atomic unsigned asked; /**< requests by hand under way: they see to the replacement */
};

struct recycler {
    struct worker *worker;
    struct reloader *reloader;
    struct reload_hooks hooks; /**< what worker->reloader points at */
    pthread_mutex_t lock;      /**< the list; may be taken while attached: held for moments only */
    struct recycled *first;
    _Atomic long base_rss_kb; /**< when the applications had loaded; 0: not yet */
    _Atomic long rss_kb;      /**< after the last retirement */
};

struct recycled *recycler_find(struct recycler *recycler,
                               const struct pool_interpreter *interpreter);

/** recycler_hooks.c: struct reloader_hooks with ctx = recycler; targets' user = recycled. */
void recycler_fill_reloader_hooks(struct recycler *recycler, struct reloader_hooks *ret_hooks);
enum reload_strategy recycler_strategy(void *ctx, struct reload_target *target,
                                       const char **ret_why);
/** Resident memory of this process. */
long recycler_rss_kb(void);

/** recycler_control.c: struct reload_hooks with ctx = recycler. */
void recycler_fill_reload_hooks(struct recycler *recycler);

#endif
