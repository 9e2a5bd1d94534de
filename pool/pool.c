#include "pool/pool_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pool/python/attach.h"

/** @return 0, or an errno */
static int init_locks(struct pool *pool) {
    int failure = turns_init(&pool->turns);
    if (failure) {
        return failure;
    }
    failure = clock_lock_init(&pool->lock, &pool->changed);
    if (failure) {
        turns_destroy(&pool->turns);
    }
    return failure;
}

struct pool *pool_new(const struct pool_hooks *hooks, struct error *err) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        error_set(err, ERR_MEMORY, "no memory for a pool");
        return NULL;
    }
    if (attach_start_helper(err) != 0) {
        free(pool);
        return NULL;
    }
    pool->hooks = *hooks;
    int failure = init_locks(pool);
    if (failure) {
        error_set_errno(err, failure, "the pool's locks");
        free(pool);
        return NULL;
    }
    return pool;
}

static void app_free(struct pool_app *app) {
    if (app) {
        queue_destroy(&app->queue);
        free(app->failure);
        free(app->name);
        free(app);
    }
}

void pool_interpreter_free(struct pool_interpreter *interpreter) {
    for (size_t i = 0; i < interpreter->app_count; i++) {
        app_free(interpreter->apps[i]);
    }
    free(interpreter->apps);
    free(interpreter->refused_file);
    free(interpreter->name);
    free(interpreter);
}

void pool_free(struct pool *pool) {
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    /* Home threads that have ended their interpreter may be in their last instructions. */
    while (pool->generations && pool->zombies == 0) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool has_zombies = pool->generations != NULL;
    pthread_mutex_unlock(&pool->lock);
    if (has_zombies) {
        return; /* their threads may wake at any time, and look at it */
    }
    while (pool->interpreters) {
        struct pool_interpreter *interpreter = pool->interpreters;
        pool->interpreters = interpreter->next;
        pool_interpreter_free(interpreter);
    }
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    turns_destroy(&pool->turns);
    free(pool);
}

int pool_add_interpreter(struct pool *pool, const struct pool_interpreter_options *options,
                         struct pool_interpreter **ret_interpreter, struct error *err) {
    if (options->gil == POOL_GIL_OWN && (options->is_main || !PY_HAS_OWN_GIL)) {
        return error_set(
            err, ERR_USAGE, "interpreter %s cannot have a GIL of its own: %s", options->name,
            options->is_main ? "it is the main interpreter" : "that needs CPython 3.13 or newer");
    }
    struct pool_interpreter *interpreter = calloc(1, sizeof *interpreter);
    char *name = strdup(options->name);
    if (!interpreter || !name) {
        free(interpreter);
        free(name);
        return error_set(err, ERR_MEMORY, "no memory for interpreter %s", options->name);
    }
    interpreter->pool = pool;
    interpreter->options = *options;
    interpreter->options.name = interpreter->name = name;
    pthread_mutex_lock(&pool->lock);
    bool is_second_main = false;
    for (struct pool_interpreter *at = pool->interpreters; at; at = at->next) {
        is_second_main |= options->is_main && at->options.is_main;
    }
    if (!is_second_main) {
        interpreter->next = pool->interpreters;
        pool->interpreters = interpreter;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_second_main) {
        pool_interpreter_free(interpreter);
        return error_set(err, ERR_USAGE, "there is only one main interpreter");
    }
    *ret_interpreter = interpreter;
    return 0;
}

static int append_app(struct pool_interpreter *interpreter, struct pool_app *app,
                      struct error *err) {
    pthread_mutex_lock(&interpreter->pool->lock);
    struct pool_app **apps =
        realloc(interpreter->apps, (interpreter->app_count + 1) * sizeof(struct pool_app *));
    bool is_fixed = interpreter->generations_made > 0;
    if (apps) {
        interpreter->apps = apps;
    }
    if (apps && !is_fixed) {
        apps[interpreter->app_count++] = app;
        for (unsigned i = 0; i < interpreter->gate; i++) {
            queue_gate_close(&app->queue);
        }
    }
    pthread_mutex_unlock(&interpreter->pool->lock);
    if (is_fixed) {
        return error_set(err, ERR_USAGE, "interpreter %s has been loaded: no more applications",
                         interpreter->name);
    }
    return apps ? 0 : error_set(err, ERR_MEMORY, "no memory for application %s", app->name);
}

int pool_add_app(struct pool_interpreter *interpreter, const struct pool_app_options *options,
                 struct pool_app **ret_app, struct error *err) {
    if (options->threads == 0) {
        return error_set(err, ERR_USAGE, "application %s needs a thread", options->name);
    }
    struct pool_app *app = calloc(1, sizeof *app);
    char *name = strdup(options->name);
    if (!app || !name) {
        free(app);
        free(name);
        return error_set(err, ERR_MEMORY, "no memory for application %s", options->name);
    }
    app->interpreter = interpreter;
    app->options = *options;
    app->options.name = app->name = name;
    int failure = queue_init(&app->queue, options->threads, options->queue_limit);
    if (failure) {
        free(app);
        free(name);
        return error_set_errno(err, failure, "the queue of application %s", options->name);
    }
    if (append_app(interpreter, app, err) != 0) {
        app_free(app);
        return -1;
    }
    *ret_app = app;
    return 0;
}

void pool_gate_close_locked(struct pool_interpreter *interpreter) {
    interpreter->gate++;
    for (size_t i = 0; i < interpreter->app_count; i++) {
        queue_gate_close(&interpreter->apps[i]->queue);
    }
}

void pool_gate_close(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    pool_gate_close_locked(interpreter);
    pthread_mutex_unlock(&interpreter->pool->lock);
}

void pool_gate_open(struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&interpreter->pool->lock);
    assert(interpreter->gate > 0);
    interpreter->gate--;
    for (size_t i = 0; i < interpreter->app_count; i++) {
        queue_gate_open(&interpreter->apps[i]->queue);
    }
    pthread_mutex_unlock(&interpreter->pool->lock);
}

unsigned pool_zombies(const struct pool *pool) {
    struct pool *mutable_pool = (struct pool *)pool; /* its lock, not what it guards */
    pthread_mutex_lock(&mutable_pool->lock);
    unsigned zombies = pool->zombies;
    pthread_mutex_unlock(&mutable_pool->lock);
    return zombies;
}

const char *pool_interpreter_name(const struct pool_interpreter *interpreter) {
    return interpreter->name;
}

bool pool_interpreter_is_main(const struct pool_interpreter *interpreter) {
    return interpreter->options.is_main;
}

size_t pool_interpreter_app_count(const struct pool_interpreter *interpreter) {
    return interpreter->app_count;
}

struct pool_app *pool_interpreter_app(const struct pool_interpreter *interpreter, size_t index) {
    return index < interpreter->app_count ? interpreter->apps[index] : NULL;
}

const char *pool_app_name(const struct pool_app *app) {
    return app->name;
}

void *pool_app_user(const struct pool_app *app) {
    return app->options.user;
}

struct pool_interpreter *pool_app_interpreter(const struct pool_app *app) {
    return app->interpreter;
}
