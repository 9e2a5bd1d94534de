#include "fcgi_host/recycle/recycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "reload/stale/stale.h"

/** Files that imports read become the reloader's. @tstate attached: takes short locks only */
static void file_read(void *ctx, struct pool_interpreter *interpreter, uint64_t generation,
                      const char *path) {
    struct recycler *recycler = ctx;
    (void)generation; /* of one interpreter one generation loads at a time, or the serving one */
    pthread_mutex_lock(&recycler->lock);
    struct recycled *recycled = recycler_find(recycler, interpreter);
    if (recycled) {
        reload_target_note_file(recycled->target, path);
    }
    pthread_mutex_unlock(&recycler->lock);
}

int recycler_start(struct worker *worker, struct error *err) {
    struct recycler *recycler = calloc(1, sizeof *recycler);
    struct reloader_hooks hooks;
    if (!recycler) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    recycler->worker = worker;
    pthread_mutex_init(&recycler->lock, NULL);
    sem_init(&recycler->end_turn, 0, 1);
    recycler_fill_reloader_hooks(recycler, &hooks);
    recycler->reloader = reloader_new(&hooks, err);
    if (!recycler->reloader) {
        free(recycler);
        return error_prefix(err, "watching files");
    }
    recycler_fill_reload_hooks(recycler);
    worker->recycler = recycler;
    worker->reloader = &recycler->hooks;
    const struct wsgi_file_hook file_hook = {.reads = file_read, .ctx = recycler};
    wsgi_set_file_hook(&file_hook);
    return 0;
}

struct recycled *recycler_find(struct recycler *recycler,
                               const struct pool_interpreter *interpreter) {
    struct recycled *recycled = recycler->first;
    while (recycled && recycled->interpreter != interpreter) {
        recycled = recycled->next;
    }
    return recycled;
}

static void recycled_free(struct recycled *recycled) {
    if (recycled) {
        stale_check_free(recycled->check);
        stale_report_free(recycled->report);
        pthread_mutex_destroy(&recycled->lock);
        free(recycled);
    }
}

/* ---- What to watch ---- */

/** All applications of an interpreter are reloaded together: their settings are joined. */
struct joined {
    char **files, **watch, **ignore;
    size_t file_count, watch_count, ignore_count;
    unsigned debounce_ms, drain_timeout_s;
    bool is_watched;
    char *base;
};

static void joined_free(struct joined *joined) {
    for (size_t i = 0; joined->watch && i < joined->watch_count; i++) {
        free(joined->watch[i]);
    }
    free(joined->files);
    free(joined->watch);
    free(joined->ignore);
    free(joined->base);
}

static char *folder_of(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash > file ? strndup(file, (size_t)(slash - file)) : strdup("/");
}

/** Relative patterns of each start at its own WSGI file's folder. */
static char *absolute_pattern(const struct app_config *config, const char *pattern) {
    char *folder = folder_of(config->file), *path = NULL;
    if (folder && asprintf(&path, "%s%s%s", pattern[0] == '/' ? "" : folder,
                           pattern[0] == '/' ? "" : "/", pattern) < 0) {
        path = NULL;
    }
    free(folder);
    return path;
}

static int join_one(struct joined *joined, const struct app_config *config) {
    joined->files[joined->file_count++] = config->file;
    for (size_t i = 0; i < config->watch.count; i++) {
        char *path = absolute_pattern(config, config->watch.items[i]);
        if (!path) {
            return -1;
        }
        joined->watch[joined->watch_count++] = path;
    }
    for (size_t i = 0; i < config->ignore.count; i++) {
        joined->ignore[joined->ignore_count++] = config->ignore.items[i];
    }
    if (config->debounce_ms > joined->debounce_ms) {
        joined->debounce_ms = config->debounce_ms;
    }
    if (config->drain_timeout_s > joined->drain_timeout_s) {
        joined->drain_timeout_s = config->drain_timeout_s;
    }
    joined->is_watched &= config->reload != RELOAD_MODE_OFF;
    return 0;
}

static const struct app_config *config_at(const struct pool_interpreter *interpreter, size_t i) {
    const struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
    return application->config;
}

static int join(const struct pool_interpreter *interpreter, struct joined *joined) {
    size_t count = pool_interpreter_app_count(interpreter), patterns = 0, ignored = 0;
    for (size_t i = 0; i < count; i++) {
        patterns += config_at(interpreter, i)->watch.count;
        ignored += config_at(interpreter, i)->ignore.count;
    }
    *joined = (struct joined){.is_watched = true};
    joined->files = calloc(count + 1, sizeof *joined->files);
    joined->watch = calloc(patterns + 1, sizeof *joined->watch);
    joined->ignore = calloc(ignored + 1, sizeof *joined->ignore);
    joined->base = count ? folder_of(config_at(interpreter, 0)->file) : strdup("/");
    if (!joined->files || !joined->watch || !joined->ignore || !joined->base) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (join_one(joined, config_at(interpreter, i)) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- Registry ---- */

static int add_target(struct recycled *recycled, const struct joined *joined, struct error *err) {
    const struct reload_target_options options = {
        .interpreter = recycled->interpreter,
        .base = joined->base,
        .watch = {joined->watch, joined->watch_count},
        .ignore = {joined->ignore, joined->ignore_count},
        .files = {joined->files, joined->file_count},
        .debounce_ms = joined->debounce_ms,
        .startup_timeout_ms = recycled->recycler->worker->config->startup_timeout_s * 1000,
        .drain_ms = joined->drain_timeout_s * 1000,
        .is_watched = joined->is_watched,
        .user = recycled,
    };
    return reloader_add(recycled->recycler->reloader, &options, &recycled->target, err);
}

int recycler_add(struct recycler *recycler, struct pool_interpreter *interpreter,
                 struct error *err) {
    struct recycled *recycled = calloc(1, sizeof *recycled);
    struct joined joined;
    bool is_joined = join(interpreter, &joined) == 0;
    if (!recycled || !is_joined) {
        error_set(err, ERR_MEMORY, "out of memory");
        goto failed;
    }
    pthread_mutex_init(&recycled->lock, NULL);
    recycled->recycler = recycler;
    recycled->interpreter = interpreter;
    bool owns_gil =
        pool_interpreter_app_count(interpreter) > 0 && config_at(interpreter, 0)->gil_own;
    if (!pool_interpreter_is_main(interpreter) && !owns_gil) {
        recycled->check = stale_check_new(err);
        if (!recycled->check) {
            goto failed;
        }
    }
    if (add_target(recycled, &joined, err) != 0) {
        goto failed;
    }
    joined_free(&joined);
    pthread_mutex_lock(&recycler->lock);
    recycled->next = recycler->first;
    recycler->first = recycled;
    pthread_mutex_unlock(&recycler->lock);
    return 0;

failed:
    joined_free(&joined);
    recycled_free(recycled);
    return -1;
}

static struct recycled *find_locking(struct recycler *recycler,
                                     const struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&recycler->lock);
    struct recycled *recycled = recycler_find(recycler, interpreter);
    pthread_mutex_unlock(&recycler->lock);
    return recycled;
}

void recycler_built(struct recycler *recycler, struct generation *generation) {
    struct error err; /* has been logged; it serves all the same, and is never recycled */
    struct recycled *recycled = find_locking(recycler, generation_interpreter(generation));
    if (recycled && recycled->check) {
        recycler_check_loaded(recycled, NULL, generation, &err);
    }
}

void recycler_loaded(struct recycler *recycler, struct pool_interpreter *interpreter) {
    struct error failure;
    struct recycled *recycled = find_locking(recycler, interpreter);
    if (recycled) {
        bool serves = pool_current(interpreter) != NULL;
        error_set(&failure, ERR_FAILED, "it did not load");
        atomic_store(&recycler->base_rss_kb, recycler_rss_kb());
        reload_target_loaded(recycled->target, serves ? NULL : &failure);
    }
}

void recycler_remove(struct recycler *recycler, struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&recycler->lock);
    struct recycled **at = &recycler->first;
    while (*at && (*at)->interpreter != interpreter) {
        at = &(*at)->next;
    }
    struct recycled *recycled = *at;
    if (recycled) {
        *at = recycled->next;
    }
    pthread_mutex_unlock(&recycler->lock);
    if (recycled) {
        reloader_remove(recycler->reloader, recycled->target);
        recycled_free(recycled);
    }
}
