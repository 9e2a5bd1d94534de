#include "fcgi_host/worker/scripts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/base/clock.h"

#define RETRY_AFTER_S "1"

struct script {
    struct script *next;
    struct script_pool *pool;
    struct application *application;
    struct pool_interpreter *interpreter; /* NULL: the main one, fixed */
    uint64_t used_ns;                     /* the last request for it */
    struct stat loaded;                   /* its file, when it was loaded last */
    struct script *evicted;               /* to be ended before this one is built */
    bool is_fixed;
    _Atomic bool is_building;
};

struct script_pool {
    struct worker *worker;
    struct script *scripts;
};

struct script_pool *script_pool_new(struct worker *worker, struct error *err) {
    struct script_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    pool->worker = worker;
    return pool;
}

/* ---- Making one ---- */

static struct application *make_application(struct script_pool *pool, const char *path,
                                            struct error *err) {
    struct app_config *config = malloc(sizeof *config);
    if (!config) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *config = pool->worker->config->script_defaults;
    config->name = strdup(path);
    config->file = strdup(path);
    config->interpreter = NULL; /* its own, with its name */
    struct application *application =
        config->name && config->file
            ? application_new(config, config, true, (uint32_t)clock_now_ns())
            : NULL;
    if (!application) {
        free(config->name);
        free(config->file);
        free(config);
        error_set(err, ERR_MEMORY, "out of memory");
    }
    return application; // NOLINT(clang-analyzer-unix.Malloc): `application` owns `config`
}

static struct script *add_script(struct script_pool *pool, const char *path, struct error *err) {
    struct script *script = calloc(1, sizeof *script);
    if (!script) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    script->application = make_application(pool, path, err);
    if (!script->application) {
        free(script);
        return NULL;
    }
    script->pool = pool;
    if (stat(path, &script->loaded)) {
        script->loaded = (struct stat){0};
    }
    script->next = pool->scripts;
    pool->scripts = script;
    return script;
}

struct application *script_pool_add_fixed(struct script_pool *pool, const char *path,
                                          struct error *err) {
    if (!pool || access(path, R_OK)) {
        error_set(err, ERR_NOT_FOUND, "%s: not there any more", path);
        return NULL;
    }
    struct script *script = add_script(pool, path, err);
    if (!script) {
        return NULL;
    }
    script->is_fixed = true;
    return script->application;
}

static void unlink_script(struct script *script) {
    struct script **link = &script->pool->scripts;
    while (*link != script) {
        link = &(*link)->next;
    }
    *link = script->next;
}

static int add_to_pool(struct script *script, struct error *err) {
    const struct app_config *config = script->application->config;
    const struct pool_interpreter_options interpreter = {
        .name = config->name,
        .gil = config->gil_own ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = APPLICATION_STOP_THREADS_MS,
    };
    const struct pool_app_options app = {
        .name = config->name,
        .threads = config->threads,
        .queue_limit = config->queue,
        .user = script->application,
    };
    if (pool_add_interpreter(script->pool->worker->pool, &interpreter, &script->interpreter, err)) {
        return -1;
    }
    if (pool_add_app(script->interpreter, &app, &script->application->pool_app, err)) {
        return -1;
    }
    struct recycler *recycler = script->pool->worker->recycler;
    return recycler ? recycler_add(recycler, script->interpreter, err) : 0;
}

/* ---- Building and ending, on threads of their own ---- */

static void forget_files(struct script *script) {
    if (script->pool->worker->recycler) {
        recycler_remove(script->pool->worker->recycler, script->interpreter);
    }
}

/** End an interpreter that must make room. */
static void evict(struct script *script) {
    struct error err;
    const struct app_config *config = script->application->config;
    const struct log_about about = {
        .app = config->name,
        .generation = atomic_load(&script->application->generation),
    };
    forget_files(script);
    if (pool_remove_interpreter(script->interpreter, config->drain_timeout_s * 1000, &err)) {
        /* Something of it still runs: its application must stay. */
        log_line(LOG_WARN, "script.unfinished", &about, "could not be ended: %s", err.text);
    } else {
        log_line(LOG_INFO, "reload.retired", &about, "makes room: it was idle longest");
        application_free(script->application);
        free(script);
    }
}

static void *build(void *arg) {
    struct script *script = arg;
    if (script->evicted) { /* first, so that there is never one too many */
        evict(script->evicted);
        script->evicted = NULL;
    }
    struct worker *worker = script->pool->worker;
    worker_load(worker, script->interpreter);
    if (worker->recycler) {
        recycler_loaded(worker->recycler, script->interpreter);
    }
    atomic_store(&script->is_building, false);
    return NULL;
}

static int start_build(struct script *script, struct error *err) {
    pthread_t thread;
    if (stat(script->application->config->file, &script->loaded)) {
        script->loaded = (struct stat){0};
    }
    atomic_store(&script->is_building, true);
    int problem = pthread_create(&thread, NULL, build, script);
    if (problem) {
        atomic_store(&script->is_building, false);
        return error_set_errno(err, problem, "pthread_create");
    }
    pthread_detach(thread);
    return 0;
}

/* ---- Room for one more ---- */

static bool is_idle(struct script *script) {
    struct pool_app_stats stats;
    if (script->is_fixed || atomic_load(&script->is_building)) {
        return false;
    }
    pool_app_stats(script->application->pool_app, &stats);
    return stats.in_flight == 0 && stats.queued == 0;
}

static struct script *idle_longest(const struct script_pool *pool) {
    struct script *oldest = NULL;
    for (struct script *script = pool->scripts; script; script = script->next) {
        if (is_idle(script) && (!oldest || script->used_ns < oldest->used_ns)) {
            oldest = script;
        }
    }
    return oldest;
}

static unsigned count_interpreters(const struct script_pool *pool) {
    unsigned count = (unsigned)pool->worker->interpreter_count;
    for (const struct script *script = pool->scripts; script; script = script->next) {
        count += !script->is_fixed;
    }
    return count;
}

/** @param[out] ret_evicted  to be ended first; NULL: there is room
 *  @return 0, or -1 with ERR_BUSY: all are in use */
static int make_room(struct script_pool *pool, struct script **ret_evicted, struct error *err) {
    *ret_evicted = NULL;
    if (count_interpreters(pool) < pool->worker->config->max_interpreters) {
        return 0;
    }
    *ret_evicted = idle_longest(pool);
    return *ret_evicted ? 0
                        : error_set(err, ERR_BUSY, "max_interpreters (%u) are all in use",
                                    pool->worker->config->max_interpreters);
}

/* ---- Requests ---- */

static struct script *find(struct script_pool *pool, const char *path) {
    struct script *script = pool->scripts;
    while (script && strcmp(script->application->config->file, path) != 0) {
        script = script->next;
    }
    return script;
}

static struct script *make_script(struct script_pool *pool, const char *path, struct error *err) {
    const char *why = placement_failed_reason(pool->worker->start->placement, path);
    if (why) {
        error_set(err, ERR_FAILED, "not loaded: the worker %s", why);
        return NULL;
    }
    struct script *evicted;
    if (make_room(pool, &evicted, err)) {
        return NULL;
    }
    struct script *script = add_script(pool, path, err);
    if (!script) {
        return NULL;
    }
    script->evicted = evicted;
    if (evicted) {
        unlink_script(evicted);
    }
    if (add_to_pool(script, err) || start_build(script, err)) {
        if (evicted) {
            evicted->next = pool->scripts;
            pool->scripts = evicted;
        }
        unlink_script(script);
        if (script->interpreter) {
            forget_files(script);
            pool_remove_interpreter(script->interpreter, 0, NULL);
        }
        application_free(script->application);
        free(script);
        return NULL;
    }
    return script;
}

/** It did not load, and nobody watches its files: have they changed since? */
static bool may_load_now(const struct script *script) {
    struct stat now;
    if (script->pool->worker->recycler && script->application->config->reload != RELOAD_MODE_OFF) {
        return false;
    }
    const struct error *failure = atomic_load(&script->application->failure);
    if (!failure || script->is_fixed || atomic_load(&script->is_building) ||
        failure->code == ERR_REFUSED || stat(script->application->config->file, &now)) {
        return false;
    }
    return now.st_mtim.tv_sec != script->loaded.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != script->loaded.st_mtim.tv_nsec ||
           now.st_size != script->loaded.st_size || now.st_ino != script->loaded.st_ino;
}

static void load_again(struct script *script) {
    application_set_failure(script->application, NULL);
    pool_app_set_failed(script->application->pool_app, NULL);
    struct error err;
    if (start_build(script, &err)) {
        worker_application_failed(script->pool->worker, script->application, &err);
    }
}

void script_pool_dispatch(struct script_pool *pool, const char *path, struct request *request) {
    struct error err;
    struct script *script = find(pool, path);
    if (!script) {
        script = make_script(pool, path, &err);
    } else if (may_load_now(script)) {
        load_again(script);
    }
    if (!script) {
        const struct log_about about = {.app = path, .request_id = request->id};
        log_line(LOG_WARN, "script.refused", &about, "%s", err.text);
        reply_status(request, "503 Service Unavailable", RETRY_AFTER_S, NULL);
        return;
    }
    script->used_ns = clock_now_ns();
    worker_submit(pool->worker, script->application, request);
}

void script_pool_each(struct script_pool *pool,
                      void (*each)(void *ctx, struct application *application), void *ctx) {
    for (struct script *script = pool ? pool->scripts : NULL; script; script = script->next) {
        each(ctx, script->application);
    }
}
