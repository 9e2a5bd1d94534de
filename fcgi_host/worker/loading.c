#include "fcgi_host/worker/loading.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/loader.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

/* ---- The order ---- */

/** How far a plan has come. */
struct progress {
    const struct loading_plan *plan;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* `done` has grown */
    size_t started;
    size_t done; /* @lock */
};

struct build {
    struct progress *progress;
    size_t index;
};

static void build_one(struct progress *progress, size_t index) {
    progress->plan->build(progress->plan->ctx, index);
    pthread_mutex_lock(&progress->lock);
    progress->done++;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
}

static void *run_build(void *arg) {
    struct build build = *(struct build *)arg;
    free(arg);
    build_one(build.progress, build.index);
    return NULL;
}

/** Build on a new thread, which need not be waited for; on this one if there is no other. */
static void start_build(struct progress *progress, size_t index) {
    struct build *build = malloc(sizeof *build);
    progress->started++;
    if (build) {
        *build = (struct build){progress, index};
        if (thread_start(run_build, build, "loader", NULL) == 0) {
            return;
        }
        free(build);
    }
    build_one(progress, index);
}

/** Wait until all started builds are done, or `timeout_ms` have passed (0: no limit). */
static void await_builds(struct progress *progress, unsigned timeout_ms) {
    struct timespec deadline = clock_deadline(timeout_ms);
    int outcome = 0;
    pthread_mutex_lock(&progress->lock);
    while (progress->done < progress->started && outcome != ETIMEDOUT) {
        outcome = timeout_ms
                      ? pthread_cond_timedwait(&progress->changed, &progress->lock, &deadline)
                      : pthread_cond_wait(&progress->changed, &progress->lock);
    }
    pthread_mutex_unlock(&progress->lock);
}

void loading_run(const struct loading_plan *plan) {
    struct progress progress = {.plan = plan};
    clock_lock_init(&progress.lock, &progress.changed);
    for (size_t i = 0; i < plan->count; i++) {
        start_build(&progress, i);
        await_builds(&progress, plan->next_ms);
    }
    await_builds(&progress, 0);
    pthread_cond_destroy(&progress.changed);
    pthread_mutex_destroy(&progress.lock);
}

/* ---- The worker's interpreters ---- */

struct loading {
    const struct loader *loader;
    struct pool_interpreter *const *interpreters;
    size_t count;
};

static void load_interpreter(void *ctx, size_t index) {
    const struct loading *loading = ctx;
    loader_load(loading->loader, loading->interpreters[index]);
}

static void *load_all(void *arg) {
    struct loading *loading = arg;
    const struct loading_plan plan = {
        .count = loading->count,
        .build = load_interpreter,
        .ctx = loading,
        .next_ms = WORKER_NEXT_LOAD_MS,
    };
    loading_run(&plan);
    channel_tell(loading->loader->supervisor, &(struct channel_outgoing){.type = CHANNEL_LOADED});
    for (size_t i = 0; i < loading->count; i++) {
        recycle_loaded(loading->loader->recycle, loading->interpreters[i]);
    }
    free(loading);
    return NULL;
}

int loading_start(const struct loader *loader, struct pool_interpreter *const *interpreters,
                  size_t count, struct error *err) {
    struct loading *loading = malloc(sizeof *loading);
    if (!loading) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *loading = (struct loading){loader, interpreters, count};
    int failed = thread_start(load_all, loading, "loading", err);
    if (failed) {
        free(loading);
    }
    return failed;
}
