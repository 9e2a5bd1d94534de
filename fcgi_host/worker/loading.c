#include "fcgi_host/worker/loading.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/libraries.h"
#include "fcgi_host/worker/loader.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

/* ---- The order ---- */

/** How far a plan has come. */
struct progress {
    const struct loading_plan *plan;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a build is done */
};

struct build {
    struct progress *progress;
    size_t index;
    bool is_done; /* @lock */
};

static void *run_build(void *arg) {
    struct build *build = arg;
    struct progress *progress = build->progress;
    progress->plan->build(progress->plan->ctx, build->index);
    pthread_mutex_lock(&progress->lock);
    build->is_done = true;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

/** Build on a new thread, which need not be waited for; on this one if there is no other. */
static void start_build(struct build *build) {
    if (thread_start(run_build, build, "loader", NULL) != 0) {
        run_build(build);
    }
}

/** Wait until a build is done, or until `timeout_ms` have passed (0: no limit).
 *  @return whether it is done */
static bool await_build(const struct build *build, unsigned timeout_ms) {
    struct progress *progress = build->progress;
    struct timespec deadline = clock_deadline(timeout_ms);
    int outcome = 0;
    pthread_mutex_lock(&progress->lock);
    while (!build->is_done && outcome != ETIMEDOUT) {
        outcome = timeout_ms
                      ? pthread_cond_timedwait(&progress->changed, &progress->lock, &deadline)
                      : pthread_cond_wait(&progress->changed, &progress->lock);
    }
    bool is_done = build->is_done;
    pthread_mutex_unlock(&progress->lock);
    return is_done;
}

static void run_builds(struct build *builds, struct progress *progress) {
    const struct loading_plan *plan = progress->plan;
    bool is_any_slow = false;
    for (size_t i = 0; i < plan->count; i++) {
        builds[i] = (struct build){.progress = progress, .index = i};
        start_build(&builds[i]);
        is_any_slow |= !await_build(&builds[i], plan->next_ms);
    }
    if (is_any_slow && plan->slow_left) {
        plan->slow_left(plan->ctx);
    }
    for (size_t i = 0; i < plan->count; i++) {
        await_build(&builds[i], 0);
    }
}

void loading_run(const struct loading_plan *plan) {
    struct progress progress = {.plan = plan};
    struct build *builds = calloc(plan->count + 1, sizeof *builds);
    if (!builds) { /* out of memory: each waits for the one before */
        for (size_t i = 0; i < plan->count; i++) {
            plan->build(plan->ctx, i);
        }
        return;
    }
    clock_lock_init(&progress.lock, &progress.changed);
    run_builds(builds, &progress);
    pthread_cond_destroy(&progress.changed);
    pthread_mutex_destroy(&progress.lock);
    free(builds);
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

static void tell_slow_left(void *ctx) {
    const struct loading *loading = ctx;
    channel_tell(loading->loader->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_SLOW_LEFT});
}

/** An interpreter that was refused is for another process: edits are not its business here. */
static bool was_refused(struct pool_interpreter *interpreter) {
    const struct application *application = pool_app_user(pool_interpreter_app(interpreter, 0));
    const struct error *failure = atomic_load(&application->failure);
    return failure && failure->code == ERR_REFUSED;
}

static void *load_all(void *arg) {
    struct loading *loading = arg;
    const struct loading_plan plan = {
        .count = loading->count,
        .build = load_interpreter,
        .slow_left = tell_slow_left,
        .ctx = loading,
        .next_ms = WORKER_NEXT_LOAD_MS,
    };
    loading_run(&plan);
    channel_tell(loading->loader->supervisor, &(struct channel_outgoing){.type = CHANNEL_LOADED});
    for (size_t i = 0; i < loading->count; i++) {
        if (!was_refused(loading->interpreters[i])) {
            recycle_loaded(loading->loader->recycle, loading->interpreters[i]);
            loader_tell_met_refusal(loading->loader, loading->interpreters[i]);
        }
    }
    if (loading->count == 1 && loading->loader->libraries) {
        libraries_tell(loading->loader->libraries,
                       pool_app_user(pool_interpreter_app(loading->interpreters[0], 0)));
    }
    if (loading->loader->has_loaded) {
        sem_post(loading->loader->has_loaded);
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
