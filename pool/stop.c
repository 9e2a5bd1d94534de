#include "pool/pool_internal.h"

#include <stdlib.h>

/** Take the current generation: from now on only the caller may retire it. */
static struct generation *take_current(struct pool_interpreter *interpreter) {
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *current = interpreter->current;
    interpreter->current = NULL;
    pthread_mutex_unlock(&pool->lock);
    return current;
}

static void wait_not_building(struct pool_interpreter *interpreter) {
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    while (interpreter->is_building) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/**
 * Take it out of the list once no thread looks at it any more.
 * @return false when a zombie does, and will for as long as the process lives
 */
static bool unlist(struct pool_interpreter *interpreter) {
    struct pool *pool = interpreter->pool;
    bool has_zombie = false;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        bool has_ending = false;
        has_zombie = false;
        for (struct generation *at = pool->generations; at; at = at->next) {
            if (at->interpreter == interpreter) {
                has_zombie |= at->state == GENERATION_ZOMBIE;
                has_ending |= at->state != GENERATION_ZOMBIE;
            }
        }
        if (!has_ending) {
            break;
        }
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    struct pool_interpreter **at = &pool->interpreters;
    while (!has_zombie && *at != interpreter) {
        at = &(*at)->next;
    }
    if (!has_zombie) {
        *at = interpreter->next;
    }
    pthread_mutex_unlock(&pool->lock);
    return !has_zombie;
}

int pool_remove_interpreter(struct pool_interpreter *interpreter, unsigned drain_ms,
                            struct error *err) {
    struct pool *pool = interpreter->pool;
    struct timespec drain_deadline = clock_deadline(drain_ms);
    pthread_mutex_lock(&pool->lock);
    interpreter->is_removed = true;
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < interpreter->app_count; i++) {
        pool_app_abandon(interpreter->apps[i]);
    }
    wait_not_building(interpreter);
    retirement_retry_zombies(pool);
    struct generation *spare = pool_spare_take(interpreter);
    if (spare) {
        pool_discard(spare);
    }
    struct generation *parked = retirement_take_parked(interpreter);
    if (parked) {
        pool_discard(parked);
    }
    struct generation *current = take_current(interpreter);
    if (current) {
        retirement_begin(current);
        retirement_finish(current, &drain_deadline);
    }
    if (!unlist(interpreter)) {
        return error_set(err, ERR_TIMEOUT, "interpreter %s cannot be ended", interpreter->name);
    }
    pool_interpreter_free(interpreter);
    return 0;
}

void pool_bar(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    interpreter->is_barred = true;
    pthread_mutex_unlock(&interpreter->pool->lock);
}

/** @param end  where its jobs that waited are put  @return where the next ones are
 *  @lock pool->lock held */
static struct job **append_waiting_locked(struct pool_interpreter *interpreter, struct job **end) {
    for (size_t i = 0; i < interpreter->app_count; i++) {
        struct queue *queue = &interpreter->apps[i]->queue;
        *end = interpreter->is_barred ? queue_refuse(queue, ERR_CLOSED, true)
                                      : queue_take_waiting(queue);
        while (*end) {
            end = &(*end)->next;
        }
    }
    return end;
}

struct job *pool_take_waiting(struct pool *pool, bool barred_only) {
    struct job *jobs = NULL, **end = &jobs;
    pthread_mutex_lock(&pool->lock);
    for (struct pool_interpreter *at = pool->interpreters; at; at = at->next) {
        if (at->is_barred || !barred_only) {
            end = append_waiting_locked(at, end);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return jobs;
}

struct job *pool_take_waiting_of(struct pool_interpreter *interpreter) {
    struct job *jobs = NULL;
    pthread_mutex_lock(&interpreter->pool->lock);
    append_waiting_locked(interpreter, &jobs);
    pthread_mutex_unlock(&interpreter->pool->lock);
    return jobs;
}

/** @return whether the jobs that wait may still start */
static bool can_run(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    bool can_run = interpreter->current && !interpreter->is_barred;
    pthread_mutex_unlock(&interpreter->pool->lock);
    return can_run;
}

/** Take no more jobs; those that wait may still run if there is a generation to run them. */
static void close_queues(struct pool_interpreter *interpreter) {
    bool may_run = can_run(interpreter);
    for (size_t i = 0; i < interpreter->app_count; i++) {
        if (may_run) {
            queue_refuse(&interpreter->apps[i]->queue, ERR_CLOSED, false);
        } else {
            pool_app_abandon(interpreter->apps[i]);
        }
    }
}

/** @return whether every job ran */
static bool drain_queues(struct pool_interpreter *interpreter, const struct timespec *deadline) {
    bool all_ran = true;
    for (size_t i = 0; i < interpreter->app_count; i++) {
        struct pool_app *app = interpreter->apps[i];
        all_ran &= queue_wait_drained(&app->queue, deadline);
        pool_app_abandon(app);
    }
    return all_ran;
}

int pool_stop(struct pool *pool, unsigned drain_ms) {
    struct timespec deadline = clock_deadline(drain_ms);
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    struct pool_interpreter *first = pool->interpreters; /* none is added or removed any more */
    pthread_mutex_unlock(&pool->lock);
    bool is_clean = true;
    for (struct pool_interpreter *at = first; at; at = at->next) {
        close_queues(at);
    }
    for (struct pool_interpreter *at = first; at; at = at->next) {
        is_clean &= drain_queues(at, &deadline);
    }
    retirement_retry_zombies(pool);
    /* All at the same time: one that takes long must not make the others late. */
    size_t count = 0;
    for (struct pool_interpreter *at = first; at; at = at->next) {
        count++;
    }
    struct generation **ending = calloc(3 * count + 1, sizeof(struct generation *));
    size_t ending_count = 0;
    for (struct pool_interpreter *at = first; at && ending; at = at->next) {
        struct generation *each[] = {take_current(at), pool_spare_take(at),
                                     retirement_take_parked(at)};
        for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
            if (each[i]) {
                ending[ending_count++] = each[i];
                retirement_begin(each[i]);
            }
        }
    }
    for (size_t i = 0; i < ending_count; i++) {
        is_clean &= retirement_finish(ending[i], &deadline) == GENERATION_RETIRED;
    }
    is_clean &= ending != NULL;
    free(ending);
    return is_clean && pool_zombies(pool) == 0 ? 0 : 1;
}
