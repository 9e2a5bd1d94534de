#include "pool/pool_internal.h"

#include <errno.h>

/** @return whether it is done  @param timeout_ms 0: no limit */
static bool wait_done(struct generation *generation,
                      bool (*is_done)(const struct generation *generation), unsigned timeout_ms) {
    struct pool *pool = generation->interpreter->pool;
    struct timespec deadline = clock_deadline(timeout_ms);
    int failure = 0;
    pthread_mutex_lock(&pool->lock);
    while (!is_done(generation) && failure != ETIMEDOUT) {
        failure = timeout_ms ? pthread_cond_timedwait(&pool->changed, &pool->lock, &deadline)
                             : pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool is_over = is_done(generation);
    generation->is_too_late |= !is_over;
    pthread_mutex_unlock(&pool->lock);
    return is_over;
}

static bool is_built(const struct generation *generation) {
    return generation->is_built;
}

/** @return the spare on offer, or NULL */
static struct generation *take_spare_locked(struct pool_interpreter *interpreter) {
    struct generation *spare = interpreter->spare;
    interpreter->spare = NULL;
    if (spare) {
        spare->is_spare = false; /* its home thread sees it */
        pthread_cond_broadcast(&interpreter->pool->changed);
    }
    return spare;
}

/** @param[out] ret_is_spare  it has a home thread already
 *  @return a generation, listed; or NULL: ERR_BUSY, ERR_FAILED, ERR_CLOSED, ERR_MEMORY */
static struct generation *begin_build(struct pool_interpreter *interpreter, bool *ret_is_spare,
                                      struct error *err) {
    struct pool *pool = interpreter->pool;
    struct generation *generation = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->is_stopping || interpreter->is_removed) {
        error_set(err, ERR_CLOSED, "interpreter %s is being stopped", interpreter->name);
    } else if (interpreter->is_building) {
        error_set(err, ERR_BUSY, "interpreter %s is being loaded already", interpreter->name);
    } else if (interpreter->options.is_main && interpreter->current) {
        error_set(err, ERR_FAILED, "the main interpreter cannot be replaced within its process");
    } else {
        generation = take_spare_locked(interpreter);
        *ret_is_spare = generation != NULL;
        generation = generation ? generation : generation_new_locked(interpreter, err);
    }
    if (generation) {
        generation->number = ++interpreter->generations_made;
        interpreter->is_building = true;
    }
    pthread_mutex_unlock(&pool->lock);
    return generation;
}

static void done_building(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    interpreter->is_building = false;
    pthread_cond_broadcast(&interpreter->pool->changed);
    pthread_mutex_unlock(&interpreter->pool->lock);
}

int generation_await(struct generation *generation,
                     bool (*is_done)(const struct generation *generation), unsigned timeout_ms,
                     struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    unsigned stop_ms = generation->interpreter->options.stop_threads_ms;
    bool is_over = wait_done(generation, is_done, timeout_ms);
    if (!is_over) {
        interrupter_start(generation, INTERRUPT_HOME);
        is_over = wait_done(generation, is_done, stop_ms ? stop_ms : 1);
        interrupter_stop(generation, INTERRUPT_HOME);
    }
    pthread_mutex_lock(&pool->lock);
    struct error failure = generation->build_error;
    if (!is_over) {
        error_set(&failure, ERR_TIMEOUT, "loading took longer than %u ms and cannot be stopped",
                  timeout_ms);
    }
    bool goes_on = is_over && failure.code == ERR_NONE;
    pthread_mutex_unlock(&pool->lock);
    if (goes_on) {
        return 0;
    }
    if (is_over) { /* the home thread ends it by itself */
        struct timespec now = clock_deadline(0);
        retirement_finish(generation, &now);
    } else {
        generation_give_up(generation);
        generation_let_go(generation);
    }
    if (err) {
        *err = failure;
    }
    return -1;
}

/** @param[out] ret_was_spare  set also on failure */
static int build(struct pool_interpreter *interpreter, unsigned timeout_ms,
                 struct generation **ret_generation, bool *ret_was_spare, struct error *err) {
    struct generation *generation = begin_build(interpreter, ret_was_spare, err);
    if (!generation) {
        return -1;
    }
    generation_set_state(generation, GENERATION_LOADING, NULL);
    int rc = *ret_was_spare ? 0 : home_start(generation, err);
    if (rc != 0) {
        generation_set_state(generation, GENERATION_FAILED, err);
        generation_let_go(generation);
    } else {
        rc = generation_await(generation, is_built, timeout_ms, err);
    }
    done_building(interpreter);
    if (rc == 0) {
        *ret_generation = generation;
    }
    return rc;
}

int pool_build(struct pool_interpreter *interpreter, unsigned timeout_ms,
               struct generation **ret_generation, struct error *err) {
    struct error failure;
    bool was_spare = false;
    int rc = build(interpreter, timeout_ms, ret_generation, &was_spare, &failure);
    if (rc != 0 && was_spare && failure.code == ERR_COLD) {
        pthread_mutex_lock(&interpreter->pool->lock);
        interpreter->generations_made--; /* the number is the next one's */
        pthread_mutex_unlock(&interpreter->pool->lock);
        rc = build(interpreter, timeout_ms, ret_generation, &was_spare, &failure);
    }
    if (rc != 0 && err) {
        *err = failure;
    }
    return rc;
}

/**
 * In one go under the lock: pool_stop() may be retiring the interpreter's generation meanwhile.
 * @return the generation before, with a reference; `generation` itself when it must not serve
 */
static struct generation *make_current(struct generation *generation) {
    struct pool_interpreter *interpreter = generation->interpreter;
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *before = interpreter->current;
    if (pool->is_stopping || interpreter->is_removed || generation->is_leaving) {
        before = generation;
    } else {
        interpreter->current = generation;
        generation->state = GENERATION_SERVING;
        generation_hold_locked(generation);
        for (size_t i = 0; i < generation->app_count; i++) {
            struct loaded_app *loaded = &generation->apps[i];
            queue_set_crew(&loaded->app->queue, loaded->crew, loaded->app->options.threads);
        }
        if (before) {
            before->state = GENERATION_DRAINING;
            generation_hold_locked(before);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return before;
}

int pool_publish(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    struct generation *before = make_current(generation);
    if (before == generation) {
        return error_set(err, ERR_CLOSED, "interpreter %s is being stopped",
                         generation->interpreter->name);
    }
    for (size_t i = 0; i < generation->app_count; i++) {
        pool_app_set_failed(generation->apps[i].app, NULL);
    }
    if (pool->hooks.state_changed) {
        pool->hooks.state_changed(pool->hooks.ctx, generation, GENERATION_SERVING, NULL);
        if (before) {
            pool->hooks.state_changed(pool->hooks.ctx, before, GENERATION_DRAINING, NULL);
        }
    }
    generation_let_go(generation);
    if (before) {
        generation_let_go(before);
    }
    return 0;
}

struct generation *pool_current(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    struct generation *current = interpreter->current;
    pthread_mutex_unlock(&interpreter->pool->lock);
    return current;
}

struct generation *pool_hold_current(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    struct generation *current = interpreter->current;
    if (current) {
        generation_hold_locked(current);
    }
    pthread_mutex_unlock(&interpreter->pool->lock);
    return current;
}
