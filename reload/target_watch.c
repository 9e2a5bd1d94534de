/* What one target is told of: its paths are watched, and events become reasons to reload. */
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
        reload_targets_wake(reloader);
    }
}

void reload_target_watch_file_locked(struct reload_target *target, const char *path) {
    watch_one_locked(target, path, false);
}

static void watch_touch_locked(const struct reload_target *target, size_t file) {
    if (target->is_watched) {
        watch_touch(target->reloader->watch, target->files.items[file]);
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

void reload_target_watch_locked(struct reload_target *target) {
    target->must_watch_all = false;
    for (size_t i = 0; i < target->files.count; i++) {
        watch_one_locked(target, target->files.items[i], false);
        watch_touch_locked(target, i);
    }
    file_set_each(target->serving, watch_file, target);
    if (target->candidate) {
        file_set_each(target->candidate, watch_file, target);
    }
    path_filter_walk(target->filter, NULL, watch_walked, target);
}

/* ---- Events ---- */

static bool concerns_locked(struct reload_target *target, const char *path) {
    return file_set_has(target->serving, path) ||
           (target->candidate && file_set_has(target->candidate, path)) ||
           path_filter_watches(target->filter, path) ||
           reload_target_note_appeared_locked(target, path);
}

/* Something happened that is no single save. */
static void mark_many_locked(struct reload_target *target, const char *path) {
    reload_target_mark_dirty_locked(target, path);
    target->dirty_paths = 2;
}

/** A touch of a WSGI file reloads, as with mod_wsgi and uWSGI. @return whether it is that */
static bool note_touch_locked(struct reload_target *target, const char *path,
                              enum watch_news news) {
    for (size_t i = 0; i < target->files.count; i++) {
        if (strcmp(target->files.items[i], path) != 0) {
            continue;
        }
        watch_touch_locked(target, i); /* another file may have the name now */
        target->are_written[i] |= news == WATCH_WRITING;
        if (news == WATCH_TIMES && !target->are_written[i]) {
            file_set_touched(target->serving, path);
            if (target->candidate) {
                file_set_touched(target->candidate, path);
            }
            return true;
        }
    }
    return false;
}

static void on_event_locked(void *ctx, const char *path, enum watch_news news) {
    struct reloader *reloader = ctx;
    bool is_lost = news == WATCH_FOLDER && path_set_add(reloader->folders, path) < 0;
    for (struct reload_target *target = reloader->targets; target; target = target->next) {
        if (!target->is_watched) {
            continue;
        }
        if (news == WATCH_ALL || is_lost) {
            target->must_watch_all = true;
            mark_many_locked(target, path ? path : "");
        } else if (news == WATCH_FOLDER && reload_target_note_appeared_locked(target, path)) {
            watch_one_locked(target, path, true); /* a package's folder, still empty */
            mark_many_locked(target, path);
        } else if (note_touch_locked(target, path, news) ||
                   (news == WATCH_FILE && concerns_locked(target, path))) {
            reload_target_mark_dirty_locked(target, path);
        }
    }
}

struct folder_look {
    struct reload_target *target;
    const char *folder;
    bool has_files; /* that the target is made from, or may be */
};

static void look_at_file(void *ctx, const char *path) {
    struct folder_look *look = ctx;
    if (path_is_below(path, look->folder)) {
        look->has_files = true;
        watch_one_locked(look->target, path, false);
    }
}

static void look_at_walked(void *ctx, const char *path, bool is_directory) {
    struct folder_look *look = ctx;
    if (is_directory) {
        watch_one_locked(look->target, path, true);
    } else {
        look->has_files = true;
    }
}

/* A folder came or went. */
static void look_at_folder(void *ctx, const char *folder) {
    struct reload_target *target = ctx;
    struct folder_look look = {.target = target, .folder = folder};
    for (size_t i = 0; i < target->files.count; i++) {
        look_at_file(&look, target->files.items[i]);
        watch_touch_locked(target, i);
    }
    file_set_each(target->serving, look_at_file, &look);
    if (target->candidate) {
        file_set_each(target->candidate, look_at_file, &look);
    }
    path_filter_walk(target->filter, folder, look_at_walked, &look);
    if (look.has_files) {
        mark_many_locked(target, folder);
    }
}

void reload_targets_read_events_locked(struct reloader *reloader) {
    watch_read(reloader->watch, on_event_locked, reloader);
    for (struct reload_target *target = reloader->targets; target; target = target->next) {
        if (target->must_watch_all) {
            reload_target_watch_locked(target);
        } else if (target->is_watched) {
            path_set_each(reloader->folders, look_at_folder, target);
        }
    }
    path_set_clear(reloader->folders);
}

/* ---- Files that are not read ---- */

struct unread {
    const struct reload_target *target;
    char *path; /* the first one that was not told yet; NULL: none */
    const char *why;
};

static void find_unread(void *ctx, const char *path, const char *why) {
    struct unread *unread = ctx;
    if (!unread->path && !path_set_has(unread->target->unread, path)) {
        unread->path = strdup(path);
        unread->why = why;
    }
}

/* @return the next one to tell, noted as told, or NULL: none  @owns the caller  @lock held */
static char *next_unread_locked(struct reload_target *target, const char **ret_why) {
    struct unread unread = {.target = target};
    if (path_set_count(target->unread) < RELOAD_UNREAD_MAX) {
        file_set_each_unread(target->serving, find_unread, &unread);
    }
    if (unread.path && path_set_add(target->unread, unread.path) < 0) {
        free(unread.path);
        return NULL;
    }
    *ret_why = unread.why;
    return unread.path;
}

void reload_target_tell_unread(struct reload_target *target) {
    struct reloader *reloader = target->reloader;
    for (;;) {
        const char *why = NULL;
        pthread_mutex_lock(&reloader->lock);
        char *path = next_unread_locked(target, &why);
        pthread_mutex_unlock(&reloader->lock);
        if (!path) {
            return;
        }
        struct error err;
        struct reload_event event = {.step = RELOAD_STEP_UNREAD, .cause = path, .err = &err};
        error_set(&err, ERR_NONE, "%s", why);
        reloader->hooks.event(reloader->hooks.ctx, target, &event);
        free(path);
    }
}
