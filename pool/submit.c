#include "pool/pool_internal.h"

#include <stdlib.h>

/**
 * Queues that this thread pushed to between pool_batch_begin() and pool_batch_end().  Beyond this
 * many in one batch, further ones are woken at once, which is correct, only not as good.
 */
enum { BATCH_QUEUES = 32 };

static _Thread_local unsigned tl_batch_depth;
static _Thread_local unsigned tl_batch_count;
static _Thread_local struct queue *tl_batch[BATCH_QUEUES];

/** @return whether the wake-up was put off until pool_batch_end() */
static bool put_off(struct queue *queue) {
    if (tl_batch_depth == 0) {
        return false;
    }
    for (unsigned i = tl_batch_count; i-- > 0;) {
        if (tl_batch[i] == queue) {
            return true;
        }
    }
    if (tl_batch_count == BATCH_QUEUES) {
        return false;
    }
    tl_batch[tl_batch_count++] = queue;
    return true;
}

void pool_batch_begin(void) {
    tl_batch_depth++;
}

void pool_batch_flush(void) {
    for (unsigned i = 0; i < tl_batch_count; i++) {
        queue_wake(tl_batch[i]);
    }
    tl_batch_count = 0;
}

void pool_batch_end(void) {
    if (--tl_batch_depth == 0) {
        pool_batch_flush();
    }
}

static int explain_refusal(struct pool_app *app, enum error_code code, struct error *err) {
    struct pool *pool = app->interpreter->pool;
    if (code == ERR_BUSY) {
        return error_set(err, code, "the queue of application %s is full", app->name);
    }
    if (code == ERR_CLOSED) {
        return error_set(err, code, "application %s is being stopped", app->name);
    }
    pthread_mutex_lock(&pool->lock);
    error_set(err, code, "application %s: %s", app->name,
              app->failure ? app->failure->text : "it did not load");
    pthread_mutex_unlock(&pool->lock);
    return -1;
}

int pool_submit(struct pool_app *app, struct job *job, struct error *err) {
    bool wake_now = !put_off(&app->queue);
    enum error_code code = queue_push(&app->queue, job, wake_now);
    return code == ERR_NONE ? 0 : explain_refusal(app, code, err);
}

static void abandon_jobs(struct job *jobs) {
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        job->next = NULL;
        job->abandon(job);
    }
}

void pool_app_set_failed(struct pool_app *app, const struct error *why) {
    struct pool *pool = app->interpreter->pool;
    struct error *failure = why ? malloc(sizeof *failure) : NULL;
    if (failure) { /* without memory for it, the reason is missing, not the failure */
        *failure = *why;
    }
    pthread_mutex_lock(&pool->lock);
    bool is_closed = pool->is_stopping || app->interpreter->is_removed;
    struct error *before = app->failure;
    app->failure = failure;
    struct job *jobs = NULL;
    if (!is_closed) {
        jobs = queue_refuse(&app->queue, why ? ERR_FAILED : ERR_NONE, true);
    }
    pthread_mutex_unlock(&pool->lock);
    free(before);
    abandon_jobs(jobs);
}

void pool_app_abandon(struct pool_app *app) {
    abandon_jobs(queue_refuse(&app->queue, ERR_CLOSED, true));
}

void pool_app_stats(struct pool_app *app, struct pool_app_stats *ret_stats) {
    struct queue_counts counts = queue_counts(&app->queue);
    *ret_stats = (struct pool_app_stats){
        .requests = counts.finished,
        .rejected = counts.rejected,
        .in_flight = counts.in_flight,
        .queued = counts.queued,
    };
}
