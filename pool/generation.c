#include "pool/pool_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What an extension module said when it refused to be loaded. */
struct refusal {
    struct refusal *next;
    char *module, *file, *exception, *message;
};

static void refusal_free(struct refusal *refusal) {
    if (refusal) {
        free(refusal->module);
        free(refusal->file);
        free(refusal->exception);
        free(refusal->message);
        free(refusal);
    }
}

static struct refusal *refusal_new(const struct pool_refusal *told) {
    struct refusal *refusal = calloc(1, sizeof *refusal);
    if (!refusal) {
        return NULL;
    }
    refusal->module = strdup(told->module);
    refusal->file = strdup(told->file);
    refusal->exception = strdup(told->exception);
    refusal->message = strdup(told->message);
    if (!refusal->module || !refusal->file || !refusal->exception || !refusal->message) {
        refusal_free(refusal);
        return NULL;
    }
    return refusal;
}

/** The file of a generation's first refusal outlives the generation, whose load may fail of it. */
static void keep_file_locked(struct generation *generation, const char *file) {
    char *copy = generation->refusals ? NULL : strdup(file);
    if (copy) {
        free(generation->interpreter->refused_file);
        generation->interpreter->refused_file = copy;
    }
}

static void note_refusal(void *ctx, const struct main_first_refusal *told_first) {
    struct generation *generation = ctx;
    const struct pool_refusal told = {told_first->module, told_first->file, told_first->exception,
                                      told_first->message};
    struct refusal *refusal = refusal_new(&told);
    if (!refusal) {
        return;
    }
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    keep_file_locked(generation, told.file);
    *generation->refusals_tail = refusal;
    generation->refusals_tail = &refusal->next;
    bool has_jobs =
        generation->interpreter->current == generation || generation->state == GENERATION_DRAINING;
    pthread_mutex_unlock(&pool->lock);
    if (has_jobs && pool->hooks.refused) {
        pool->hooks.refused(pool->hooks.ctx, generation, &told);
    }
}

static void generation_free(struct generation *generation) {
    for (size_t i = 0; generation->threads && i < generation->thread_count; i++) {
        if (generation->threads[i].waiting.queue) {
            queue_thread_destroy(&generation->threads[i].waiting);
        }
    }
    for (size_t i = 0; generation->apps && i < generation->app_count; i++) {
        free(generation->apps[i].crew);
    }
    while (generation->refusals) {
        struct refusal *refusal = generation->refusals;
        generation->refusals = refusal->next;
        refusal_free(refusal);
    }
    free(generation->apps);
    free(generation->threads);
    free(generation);
}

static int init_threads(struct generation *generation, struct error *err) {
    struct serving_thread *thread = generation->threads;
    for (size_t i = 0; i < generation->app_count; i++) {
        struct loaded_app *loaded = &generation->apps[i];
        unsigned threads = loaded->app->options.threads;
        loaded->crew = calloc(threads, sizeof *loaded->crew);
        if (!loaded->crew) {
            return error_set(err, ERR_MEMORY, "no memory for a generation");
        }
        for (unsigned index = 0; index < threads; index++, thread++) {
            int failure = queue_thread_init(&thread->waiting, &loaded->app->queue);
            if (failure) {
                thread->waiting.queue = NULL;
                return error_set_errno(err, failure, "a semaphore");
            }
            loaded->crew[index] = &thread->waiting;
            thread->generation = generation;
            thread->lease =
                (struct lease){.generation = generation, .app = loaded->app, .thread_index = index};
        }
    }
    return 0;
}

struct generation *generation_new_locked(struct pool_interpreter *interpreter, struct error *err) {
    struct generation *generation = calloc(1, sizeof *generation);
    if (!generation) {
        error_set(err, ERR_MEMORY, "no memory for a generation");
        return NULL;
    }
    generation->interpreter = interpreter;
    generation->sink = (struct refusal_sink){generation, note_refusal};
    generation->state = GENERATION_LOADING;
    generation->references = 1;
    generation->refusals_tail = &generation->refusals;
    generation->app_count = interpreter->app_count;
    generation->apps = calloc(interpreter->app_count + 1, sizeof *generation->apps);
    for (size_t i = 0; generation->apps && i < interpreter->app_count; i++) {
        generation->apps[i].app = interpreter->apps[i];
        generation->thread_count += interpreter->apps[i]->options.threads;
    }
    generation->threads = calloc(generation->thread_count + 1, sizeof *generation->threads);
    if (!generation->apps || !generation->threads) {
        error_set(err, ERR_MEMORY, "no memory for a generation");
    } else if (init_threads(generation, err) == 0) {
        generation->next = interpreter->pool->generations;
        interpreter->pool->generations = generation;
        return generation;
    }
    generation_free(generation);
    return NULL;
}

void generation_hold_locked(struct generation *generation) {
    generation->references++;
}

void generation_let_go(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    assert(generation->references > 0);
    bool is_last = --generation->references == 0;
    if (is_last) {
        struct generation **at = &pool->generations;
        while (*at && *at != generation) {
            at = &(*at)->next;
        }
        if (*at) {
            *at = generation->next;
        }
        generation_free(generation);
        pthread_cond_broadcast(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void explain_locked(struct generation *generation, const char *why) {
    snprintf(generation->kept_why, sizeof generation->kept_why, "%s", why);
}

void generation_set_state(struct generation *generation, enum generation_state state,
                          const struct error *why) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    enum generation_state before = generation->state;
    generation->state = state;
    explain_locked(generation, state == GENERATION_ZOMBIE ? why->text : "");
    pool->zombies += state == GENERATION_ZOMBIE;
    pool->zombies -= before == GENERATION_ZOMBIE;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (pool->hooks.state_changed && (state != before || state == GENERATION_LOADING)) {
        pool->hooks.state_changed(pool->hooks.ctx, generation, state, why);
    }
}

static const char *what_does_not_end_locked(const struct generation *generation) {
    if (generation->phase == HOME_LOADING || generation->phase == HOME_SERVING) {
        return "its requests do not end";
    }
    return generation->python ? "its exit functions do not end" : "Python does not end it";
}

void generation_give_up(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    enum generation_state before = generation->state;
    bool has_ended = before == GENERATION_RETIRED || before == GENERATION_FAILED;
    bool is_new = !has_ended && before != GENERATION_ZOMBIE;
    struct error why;
    error_set(&why, ERR_TIMEOUT, "%s", what_does_not_end_locked(generation));
    if (is_new) {
        generation->state = GENERATION_ZOMBIE;
        explain_locked(generation, why.text);
        pool->zombies++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_new && pool->hooks.state_changed) {
        pool->hooks.state_changed(pool->hooks.ctx, generation, GENERATION_ZOMBIE, &why);
    }
}

void generation_explain(struct generation *generation, const char *why) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    explain_locked(generation, why);
    pthread_mutex_unlock(&pool->lock);
}

void pool_each_zombie(struct pool *pool,
                      void (*visit)(void *ctx, const struct generation *generation,
                                    const char *why),
                      void *ctx) {
    pthread_mutex_lock(&pool->lock);
    for (const struct generation *at = pool->generations; at; at = at->next) {
        if (at->state == GENERATION_ZOMBIE) {
            visit(ctx, at, at->kept_why);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

uint64_t generation_number(const struct generation *generation) {
    return generation->number;
}

enum generation_state generation_state(const struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    enum generation_state state = generation->state;
    pthread_mutex_unlock(&pool->lock);
    return state;
}

struct pool_interpreter *generation_interpreter(const struct generation *generation) {
    return generation->interpreter;
}

void *generation_loaded(const struct generation *generation, const struct pool_app *app) {
    for (size_t i = 0; i < generation->app_count; i++) {
        if (generation->apps[i].app == app) {
            return generation->apps[i].loaded;
        }
    }
    return NULL;
}

double generation_load_ms(const struct generation *generation) {
    return generation->load_ms;
}

void *generation_interpreter_state(const struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    PyInterpreterState *python = generation->python;
    pthread_mutex_unlock(&pool->lock);
    return python;
}

bool generation_refusal(const struct generation *generation, size_t index,
                        struct pool_refusal *ret_refusal) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    const struct refusal *refusal = generation->refusals;
    while (refusal && index > 0) {
        refusal = refusal->next;
        index--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!refusal) {
        return false;
    }
    *ret_refusal =
        (struct pool_refusal){refusal->module, refusal->file, refusal->exception, refusal->message};
    return true;
}

void pool_interpreter_refused_file(struct pool_interpreter *interpreter, char *ret_file,
                                   size_t file_bytes) {
    pthread_mutex_lock(&interpreter->pool->lock);
    snprintf(ret_file, file_bytes, "%s",
             interpreter->refused_file ? interpreter->refused_file : "");
    pthread_mutex_unlock(&interpreter->pool->lock);
}
