/**
 * A worker's start-up: the order in which its interpreters are built.
 */
#ifndef FCGI_HOST_WORKER_LOADING_H
#define FCGI_HOST_WORKER_LOADING_H

#include <stddef.h>

struct error;
struct loader;
struct pool_interpreter;

/** What is built, and how. */
struct loading_plan {
    size_t count;
    /** Build the index-th. Blocks. @thread a new one for each index */
    void (*build)(void *ctx, size_t index);
    /** All but slow ones are done, called at most once. Optional. @thread of loading_run() */
    void (*slow_left)(void *ctx);
    void *ctx;
    unsigned next_ms; /**< a build that takes longer no longer holds up the next one; not 0 */
};

/** Build all in their order; returns when the last build has ended. @thread any  @tstate none */
void loading_run(const struct loading_plan *plan);

/**
 * On a new thread: load every interpreter (loader_load()), then send CHANNEL_LOADED, then let edits
 * reload them.  CHANNEL_SLOW_LEFT is sent when only slow ones have not loaded yet.
 * @param interpreters  valid as long as the process, as is the loader; each interpreter until
 *                      loader->has_loaded is posted
 * @return 0, or -1: ERR_MEMORY, ERR_SYSTEM
 */
int loading_start(const struct loader *loader, struct pool_interpreter *const *interpreters,
                  size_t count, struct error *err);

#endif
