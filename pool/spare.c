#include "pool/pool_internal.h"

/*
 * A spare is a generation whose home thread stops halfway: the interpreter is set up and prepared,
 * and the thread waits until pool_build() takes the spare or pool_discard() ends it.
 */

bool spare_wait(struct generation *generation, const struct error *failure) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    if (generation->is_too_late) {
        error_set(&generation->build_error, ERR_TIMEOUT, "preparing took too long%s%s",
                  failure ? "\n" : "", failure ? failure->text : "");
    } else if (failure) {
        generation->build_error = *failure;
    }
    generation->is_leaving |= generation->build_error.code != ERR_NONE;
    generation->is_prepared = true;
    pthread_cond_broadcast(&pool->changed);
    while (generation->is_spare && !generation->is_leaving) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool is_to_load = !generation->is_leaving;
    if (!is_to_load) {
        generation->phase = HOME_SERVING; /* as after a load that failed: it ends now */
    }
    pthread_mutex_unlock(&pool->lock);
    return is_to_load;
}

static bool is_prepared(const struct generation *generation) {
    return generation->is_prepared;
}

/** @return a new spare, listed, or NULL: ERR_USAGE, ERR_CLOSED, ERR_MEMORY, ERR_SYSTEM */
static struct generation *begin_spare(struct pool_interpreter *interpreter, struct error *err) {
    struct pool *pool = interpreter->pool;
    struct generation *spare = NULL;
    pthread_mutex_lock(&pool->lock);
    if (interpreter->options.is_main) {
        error_set(err, ERR_USAGE, "the main interpreter has no spare");
    } else if (pool->is_stopping || interpreter->is_removed) {
        error_set(err, ERR_CLOSED, "interpreter %s is being stopped", interpreter->name);
    } else {
        spare = generation_new_locked(interpreter, err);
    }
    if (spare) {
        spare->is_spare = true;
    }
    pthread_mutex_unlock(&pool->lock);
    return spare;
}

int pool_spare_make(struct pool_interpreter *interpreter, unsigned timeout_ms,
                    struct generation **ret_spare, struct error *err) {
    struct generation *spare = begin_spare(interpreter, err);
    if (!spare) {
        return -1;
    }
    if (home_start(spare, err) != 0) {
        generation_let_go(spare);
        return -1;
    }
    if (generation_await(spare, is_prepared, timeout_ms, err) != 0) {
        return -1;
    }
    *ret_spare = spare;
    return 0;
}

void pool_spare_offer(struct generation *spare) {
    struct pool_interpreter *interpreter = spare->interpreter;
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *before = interpreter->spare;
    bool is_too_late = pool->is_stopping || interpreter->is_removed;
    if (!is_too_late) {
        interpreter->spare = spare;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_too_late) {
        pool_discard(spare);
    }
    if (before) {
        pool_discard(before);
    }
}

bool generation_is_spare(const struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_spare = generation->is_spare;
    pthread_mutex_unlock(&pool->lock);
    return is_spare;
}

bool pool_has_spare(const struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    bool has_spare = interpreter->spare != NULL;
    pthread_mutex_unlock(&interpreter->pool->lock);
    return has_spare;
}

struct generation *pool_spare_take(struct pool_interpreter *interpreter) {
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *spare = interpreter->spare;
    interpreter->spare = NULL;
    pthread_mutex_unlock(&pool->lock);
    return spare;
}
