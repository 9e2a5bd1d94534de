#include "reload/reloader.h"

#include <stdlib.h>
#include <string.h>

#include "reload/reloader_internal.h"

/* ---- Watching ---- */

static void watch_one_locked(struct reload_target *target, const char *path, bool is_directory) {
    struct reloader *reloader = target->reloader;
    struct error err;
    if (target->is_watched && watch_path(reloader->watch, path, is_directory, &err) != 0 &&
        err.code == ERR_BUSY && !reloader->is_polling) {
        reloader->is_polling = reloader->is_limit_news = true;
        reloader->limit = err;
        reloader_wake(reloader);
    }
}

static void watch_file(void *ctx, const char *path) {
    watch_one_locked(ctx, path, false);
}

static void watch_walked(void *ctx, const char *path, bool is_directory) {
    struct reload_target *target = ctx;
    if (is_directory) {
        watch_one_locked(target, path, true);
    }
}

void reloader_watch_locked(struct reload_target *target) {
    for (size_t i = 0; i < target->file_count; i++) {
        watch_one_locked(target, target->files[i], false);
    }
    file_set_each(target->serving, watch_file, target);
    if (target->candidate) {
        file_set_each(target->candidate, watch_file, target);
    }
    path_filter_walk(target->filter, watch_walked, target);
}

void reloader_take_notes_locked(struct reload_target *target) {
    pthread_mutex_lock(&target->notes_lock);
    struct note *notes = target->notes;
    target->notes = NULL;
    pthread_mutex_unlock(&target->notes_lock);
    for (struct note *next; notes; notes = next) {
        next = notes->next;
        struct file_set *set = target->candidate ? target->candidate : target->serving;
        if (!path_filter_ignores(target->filter, notes->path) &&
            file_set_add(set, notes->path, &notes->read_at, NULL) == 1) {
            watch_one_locked(target, notes->path, false);
            if (set == target->serving && file_set_is_uncertain(set, notes->path)) {
                reloader_mark_dirty_locked(target, notes->path);
            }
        }
        free(notes);
    }
}

void reload_target_free(struct reload_target *target) {
    if (!target) {
        return;
    }
    for (struct note *note = target->notes, *next; note; note = next) {
        next = note->next;
        free(note);
    }
    for (size_t i = 0; target->files && i < target->file_count; i++) {
        free(target->files[i]);
    }
    free(target->files);
    file_set_free(target->serving);
    file_set_free(target->candidate);
    path_filter_free(target->filter);
    free(target->forced_cause);
    pthread_mutex_destroy(&target->notes_lock);
    free(target);
}

static void add_walked(void *ctx, const char *path, bool is_directory) {
    struct reload_target *target = ctx;
    if (!is_directory) {
        file_set_add(target->serving, path, NULL, NULL);
    }
}

int reloader_add(struct reloader *reloader, const struct reload_target_options *options,
                 struct reload_target **ret_target, struct error *err) {
    struct reload_target *target = calloc(1, sizeof *target);
    if (!target) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    pthread_mutex_init(&target->notes_lock, NULL);
    target->reloader = reloader;
    target->interpreter = options->interpreter;
    target->user = options->user;
    target->debounce_ms = options->debounce_ms;
    target->startup_timeout_ms = options->startup_timeout_ms;
    target->drain_ms = options->drain_ms;
    target->is_watched = options->is_watched;
    target->filter = path_filter_new(options->base, options->watch, options->watch_count,
                                     options->ignore, options->ignore_count, err);
    target->serving = file_set_new(err);
    target->files = calloc(options->file_count + 1, sizeof *target->files);
    int failed = !target->filter || !target->serving || !target->files;
    for (size_t i = 0; !failed && i < options->file_count; i++) {
        target->files[i] = strdup(options->files[i]);
        target->file_count = i + 1;
        failed =
            !target->files[i] || file_set_add(target->serving, options->files[i], NULL, err) < 0;
    }
    if (failed) {
        reload_target_free(target);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    path_filter_walk(target->filter, add_walked, target);
    pthread_mutex_lock(&reloader->lock);
    target->next = reloader->targets;
    reloader->targets = target;
    reloader_watch_locked(target);
    pthread_mutex_unlock(&reloader->lock);
    *ret_target = target;
    return 0;
}

void reloader_note_file(struct reload_target *target, uint64_t generation, const char *path) {
    size_t bytes = strlen(path) + 1;
    struct note *note = malloc(sizeof *note + bytes);
    if (!note) {
        return; /* out of memory: this file is not watched, nothing else is lost */
    }
    (void)generation; /* one generation of a target loads at a time, or the serving one */
    clock_gettime(CLOCK_REALTIME_COARSE, &note->read_at); /* the clock that st_ctim follows */
    memcpy(note->path, path, bytes);
    pthread_mutex_lock(&target->notes_lock);
    bool was_empty = target->notes == NULL;
    note->next = target->notes;
    target->notes = note;
    pthread_mutex_unlock(&target->notes_lock);
    if (was_empty) {
        reloader_wake(target->reloader);
    }
}

void reloader_loaded(struct reload_target *target, const struct error *err) {
    struct reloader *reloader = target->reloader;
    pthread_mutex_lock(&reloader->lock);
    reloader_take_notes_locked(target);
    target->has_failed = err != NULL;
    target->is_loaded = true;
    pthread_mutex_unlock(&reloader->lock);
    reloader_wake(reloader);
}

void reloader_request(struct reload_target *target, const char *cause,
                      void (*done)(void *ctx, const struct reload_event *event), void *ctx) {
    struct reloader *reloader = target->reloader;
    struct waiter *waiter = done ? malloc(sizeof *waiter) : NULL;
    pthread_mutex_lock(&reloader->lock);
    if (waiter) {
        *waiter = (struct waiter){.next = target->waiters, .done = done, .ctx = ctx};
        target->waiters = waiter;
    }
    free(target->forced_cause);
    target->forced_cause = strdup(cause);
    pthread_mutex_unlock(&reloader->lock);
    reloader_wake(reloader);
}

void *reload_target_user(const struct reload_target *target) {
    return target->user;
}

struct pool_interpreter *reload_target_interpreter(const struct reload_target *target) {
    return target->interpreter;
}
