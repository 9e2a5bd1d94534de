/**
 * Reloading in the worker's process: what the reloader (reload/) does, connected to this host's
 * configuration, log, status and supervisor.
 *
 * Which way an interpreter is reloaded, and why (the first that applies):
 *   - `reload = worker`, or it is the main interpreter, or has a GIL of its own: by a new worker
 *   - this CPython does not unlink the objects of ended interpreters (3.12.0 to 3.12.6)
 *   - an extension it loaded cannot be recycled, as the check for stale state has found
 *   - interpreters that could not be ended, or memory lost over recycles, have reached their limit
 *   - else in the process
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_RECYCLE_H
#define FCGI_HOST_RECYCLE_RECYCLE_H

#include "fcgi_host/worker/worker_internal.h"

struct recycler;

enum {
    /** Generations that could not be ended: each keeps its memory and its stuck threads. */
    RECYCLER_ZOMBIES_MAX = 3,
};

/**
 * Start the reloader of a worker, before any application is loaded; sets worker->reloader and the
 * hooks that tell which files are read.
 * @return 0, or -1: ERR_SYSTEM (no inotify instance left: fs.inotify.max_user_instances),
 * ERR_MEMORY
 * @owns lives as long as the process
 */
int recycler_start(struct worker *worker, struct error *err);

/** Watch a named interpreter, before it is built for the first time. Errors: ERR_MEMORY */
int recycler_add(struct recycler *recycler, struct pool_interpreter *interpreter,
                 struct error *err);
/** Its first generation has been built and does not serve yet: can its extensions be recycled? */
void recycler_built(struct recycler *recycler, struct generation *generation);
/** It serves or has failed, and the worker is up: from now on edits reload it. */
void recycler_loaded(struct recycler *recycler, struct pool_interpreter *interpreter);
/** Before it is taken out of the pool; waits for a reload of it that is under way. */
void recycler_remove(struct recycler *recycler, struct pool_interpreter *interpreter);

/** For pool_hooks.ending. @thread generation  @tstate attached */
void recycler_ending(struct recycler *recycler, struct generation *generation);

#endif
