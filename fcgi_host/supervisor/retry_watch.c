#include "fcgi_host/supervisor/retry_watch.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "reload/watch/watch.h"

/** An editor or a deployment saves several files: wait until it is done. */
enum { QUIET_MS = 100 };

struct retry_watch {
    struct loop *loop;
    struct watch *watch; /* NULL: nothing is watched */
    struct loop_source source;
    struct loop_timer quiet;
    void (*changed)(void *ctx, const char *path);
    void *ctx;
    char path[PATH_MAX];
};

bool retry_watch_is_code(const char *path) {
    static const char *const s_suffixes[] = {".py", ".wsgi", ".so", ".pth", ".toml", ".cfg"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof s_suffixes / sizeof s_suffixes[0]; i++) {
        size_t suffix = strlen(s_suffixes[i]);
        if (length > suffix && strcmp(path + length - suffix, s_suffixes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void forget_files(struct retry_watch *watch) {
    loop_disarm(watch->loop, &watch->quiet);
    if (watch->watch) {
        loop_remove(watch->loop, &watch->source);
        watch_free(watch->watch);
        watch->watch = NULL;
    }
}

static void on_quiet(void *ctx) {
    struct retry_watch *watch = ctx;
    forget_files(watch);
    watch->changed(watch->ctx, watch->path);
}

static void on_event(void *ctx, const char *path, enum watch_news news) {
    struct retry_watch *watch = ctx;
    (void)news;
    if (!path || retry_watch_is_code(path)) {
        snprintf(watch->path, sizeof watch->path, "%s", path ? path : "(many files)");
        loop_arm(watch->loop, &watch->quiet, QUIET_MS);
    }
}

static void on_ready(void *ctx, uint32_t events) {
    struct retry_watch *watch = ctx;
    (void)events;
    watch_read(watch->watch, on_event, watch);
}

struct retry_watch *retry_watch_new(struct loop *loop, void (*changed)(void *ctx, const char *path),
                                    void *ctx, struct error *err) {
    struct retry_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    watch->loop = loop;
    watch->changed = changed;
    watch->ctx = ctx;
    watch->quiet = (struct loop_timer){.expired = on_quiet, .ctx = watch};
    return watch;
}

void retry_watch_free(struct retry_watch *watch) {
    if (watch) {
        forget_files(watch);
        free(watch);
    }
}

static int start_watching(struct retry_watch *watch, struct error *err) {
    watch->watch = watch_new(err);
    if (!watch->watch) {
        return -1;
    }
    watch->source =
        (struct loop_source){.fd = watch_fd(watch->watch), .ready = on_ready, .ctx = watch};
    if (loop_add(watch->loop, &watch->source, EPOLLIN, err)) {
        watch_free(watch->watch);
        watch->watch = NULL;
        return -1;
    }
    return 0;
}

int retry_watch_add(struct retry_watch *watch, const char *file, struct error *err) {
    char folder[PATH_MAX];
    if (!watch->watch && start_watching(watch, err)) {
        return -1;
    }
    snprintf(folder, sizeof folder, "%s", file);
    return watch_path(watch->watch, file, false, err) ||
                   watch_path(watch->watch, dirname(folder), true, err)
               ? -1
               : 0;
}
