/* One target: the files of one interpreter, what happened to them, and when to reload. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reload/reloader_internal.h"

/** A file that a generation has read, or is about to. */
struct note {
    struct note *next;
    struct timespec read_at; /* CLOCK_REALTIME_COARSE, just before the file was read */
    char path[];
};

void reload_targets_wake(struct reloader *reloader) {
    uint64_t one = 1;
    ssize_t written = write(reloader->wake_fd, &one, sizeof one);
    assert(written == sizeof one || errno == EAGAIN); /* EAGAIN: it is awake anyway */
}

/* ---- Making and freeing ---- */

static void add_walked(void *ctx, const char *path, bool is_directory) {
    struct reload_target *target = ctx;
    if (!is_directory) {
        file_set_add(target->serving, path, NULL, NULL);
    }
}

/* Copy the WSGI files and put them into the set. @return 0, or -1: ERR_MEMORY */
static int add_files(struct reload_target *target, const struct string_list *files) {
    target->are_written = calloc(files->count + 1, sizeof *target->are_written);
    if (!target->are_written) {
        return -1;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (string_list_add(&target->files, strdup(files->items[i])) != 0 ||
            file_set_add(target->serving, files->items[i], NULL, NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

struct reload_target *reload_target_new(struct reloader *reloader,
                                        const struct reload_target_options *options,
                                        struct error *err) {
    struct reload_target *target = calloc(1, sizeof *target);
    if (!target) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&target->notes_lock, NULL);
    target->reloader = reloader;
    target->interpreter = options->interpreter;
    target->user = options->user;
    target->debounce_ms = options->debounce_ms;
    target->single_ms = options->single_ms;
    target->startup_timeout_ms = options->startup_timeout_ms;
    target->drain_ms = options->drain_ms;
    target->is_watched = options->is_watched;
    target->filter = path_filter_new(options->base, &options->watch, &options->ignore, err);
    target->serving = file_set_new(err);
    target->unread = path_set_new();
    if (!target->filter || !target->serving || !target->unread ||
        add_files(target, &options->files) != 0) {
        reload_target_free(target);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    path_filter_walk(target->filter, NULL, add_walked, target);
    return target;
}

void reload_target_free(struct reload_target *target) {
    if (!target) {
        return;
    }
    for (struct note *note = target->notes, *next; note; note = next) {
        next = note->next;
        free(note);
    }
    string_list_clear(&target->files);
    free(target->are_written);
    path_set_free(target->unread);
    file_set_free(target->serving);
    file_set_free(target->candidate);
    path_filter_free(target->filter);
    reload_target_forget_appeared(target);
    free(target->forced_cause);
    pthread_mutex_destroy(&target->notes_lock);
    free(target);
}

void *reload_target_user(const struct reload_target *target) {
    return target->user;
}

/* ---- What a generation reads ---- */

void reload_target_note_file(struct reload_target *target, const char *path) {
    size_t bytes = strlen(path) + 1;
    struct note *note = malloc(sizeof *note + bytes);
    if (!note) {
        return; /* out of memory: this file is not watched, nothing else is lost */
    }
    clock_gettime(CLOCK_REALTIME_COARSE, &note->read_at); /* the clock that st_ctim follows */
    memcpy(note->path, path, bytes);
    pthread_mutex_lock(&target->notes_lock);
    bool was_empty = target->notes == NULL;
    note->next = target->notes;
    target->notes = note;
    pthread_mutex_unlock(&target->notes_lock);
    if (was_empty) {
        reload_targets_wake(target->reloader);
    }
}

void reload_target_take_notes_locked(struct reload_target *target) {
    pthread_mutex_lock(&target->notes_lock);
    struct note *notes = target->notes;
    target->notes = NULL;
    pthread_mutex_unlock(&target->notes_lock);
    for (struct note *next; notes; notes = next) {
        next = notes->next;
        struct file_set *set = target->candidate ? target->candidate : target->serving;
        if (!path_filter_ignores(target->filter, notes->path) && !file_set_has(set, notes->path)) {
            /* Watched first: what happens after the look that file_set_add() takes is an event. */
            reload_target_watch_file_locked(target, notes->path);
            if (file_set_add(set, notes->path, &notes->read_at, NULL) == 1 &&
                set == target->serving && file_set_is_uncertain(set, notes->path)) {
                reload_target_mark_dirty_locked(target, notes->path);
            }
        }
        free(notes);
    }
}

void reload_target_loaded(struct reload_target *target, const struct error *err) {
    struct reloader *reloader = target->reloader;
    pthread_mutex_lock(&reloader->lock);
    reload_target_take_notes_locked(target);
    reload_target_note_outcome_locked(target, err);
    target->is_loaded = true;
    pthread_mutex_unlock(&reloader->lock);
    reload_target_tell_unread(target);
    reload_targets_wake(reloader);
}

int reload_target_request(struct reload_target *target, const char *cause,
                          void (*done)(void *ctx, const struct reload_event *event), void *ctx,
                          struct error *err) {
    struct reloader *reloader = target->reloader;
    struct waiter *waiter = done ? malloc(sizeof *waiter) : NULL;
    char *forced_cause = strdup(cause);
    if (!forced_cause || (done && !waiter)) {
        free(waiter);
        free(forced_cause);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    pthread_mutex_lock(&reloader->lock);
    if (waiter) {
        *waiter = (struct waiter){.next = target->waiters, .done = done, .ctx = ctx};
        target->waiters = waiter;
    }
    free(target->forced_cause);
    target->forced_cause = forced_cause;
    pthread_mutex_unlock(&reloader->lock);
    reload_targets_wake(reloader);
    return 0;
}

/* ---- Events ---- */

void reload_target_mark_dirty_locked(struct reload_target *target, const char *path) {
    uint64_t now_ns = clock_now_ns();
    size_t size = strlen(path);
    const char *tail =
        size < sizeof target->dirty_path ? path : path + size - sizeof target->dirty_path + 1;
    if (!target->is_dirty) {
        target->is_dirty = true;
        target->first_event_ns = now_ns;
        target->dirty_paths = 1;
        snprintf(target->dirty_path, sizeof target->dirty_path, "%s", tail);
    } else if (strcmp(target->dirty_path, tail) != 0) {
        target->dirty_paths = 2;
    }
    target->last_event_ns = now_ns;
}

/* ---- Timing ---- */

/* git holds this lock while it writes a work tree: what is there now is a mix of two versions. */
static bool is_git_busy(const char *file) {
    static const char lock[] = "/.git/index.lock";
    char path[PATH_MAX + sizeof lock];
    snprintf(path, PATH_MAX, "%s", file);
    for (char *slash; (slash = strrchr(path, '/'));) {
        memcpy(slash, lock, sizeof lock);
        if (access(path, F_OK) == 0) {
            return true;
        }
        *slash = '\0';
    }
    return false;
}

static uint64_t latest_ns(const struct reload_target *target) {
    uint64_t most_ms =
        target->debounce_ms > RELOAD_DEBOUNCE_MAX_MS ? target->debounce_ms : RELOAD_DEBOUNCE_MAX_MS;
    return target->first_event_ns + most_ms * CLOCK_NS_PER_MS;
}

uint64_t reload_target_quiet_ns_locked(const struct reload_target *target) {
    if (target->forced_cause) {
        return 0;
    }
    uint64_t quiet_ms = target->dirty_paths == 1 ? target->single_ms : target->debounce_ms;
    uint64_t quiet_ns = target->last_event_ns + quiet_ms * CLOCK_NS_PER_MS;
    return quiet_ns < latest_ns(target) ? quiet_ns : latest_ns(target);
}

uint64_t reload_target_due_ns_locked(struct reload_target *target, uint64_t now_ns) {
    bool is_edited = target->is_dirty && !atomic_load(&target->reloader->is_dismissed);
    if (!target->is_loaded || target->is_busy || target->is_removed ||
        !(is_edited || target->forced_cause)) {
        return UINT64_MAX;
    }
    uint64_t due_ns = reload_target_quiet_ns_locked(target);
    if (due_ns <= now_ns && !target->forced_cause && target->files.count > 0 &&
        now_ns < latest_ns(target) && is_git_busy(target->files.items[0])) {
        target->dirty_paths = 2;
        target->last_event_ns = now_ns;
        due_ns = reload_target_quiet_ns_locked(target);
    }
    uint64_t held_until_ns = target->reloader->held_until_ns;
    held_until_ns = held_until_ns > target->held_until_ns ? held_until_ns : target->held_until_ns;
    if (!target->forced_cause && due_ns < held_until_ns) {
        due_ns = held_until_ns;
    }
    if (target->is_starved && !target->forced_cause && due_ns < target->retry_ns) {
        due_ns = target->retry_ns;
    }
    return due_ns;
}

/* ---- Between two reloads ---- */

static bool hold_locked(struct reload_target *target) {
    bool is_free = target->is_loaded && !target->is_busy && !target->is_removed &&
                   !target->draining &&
                   reload_target_due_ns_locked(target, clock_now_ns()) == UINT64_MAX;
    target->is_busy |= is_free;
    return is_free;
}

bool reload_target_hold(struct reload_target *target) {
    pthread_mutex_lock(&target->reloader->lock);
    bool is_held = hold_locked(target);
    pthread_mutex_unlock(&target->reloader->lock);
    return is_held;
}

bool reload_target_try_hold(struct reload_target *target, bool *ret_again) {
    *ret_again = pthread_mutex_trylock(&target->reloader->lock) != 0;
    if (*ret_again) {
        return false;
    }
    bool is_held = hold_locked(target);
    pthread_mutex_unlock(&target->reloader->lock);
    return is_held;
}

void reload_target_let_go(struct reload_target *target) {
    struct reloader *reloader = target->reloader;
    pthread_mutex_lock(&reloader->lock);
    target->is_busy = false;
    reload_targets_wake(reloader); /* for what has come meanwhile */
    pthread_cond_broadcast(&reloader->idle);
    pthread_mutex_unlock(&reloader->lock); /* the last use: the reloader may be freed then */
}

bool reload_target_has_news(struct reload_target *target) {
    if (pthread_mutex_trylock(&target->reloader->lock) != 0) {
        return false; /* it is held while files are read: perhaps the next time */
    }
    bool is_edited = target->is_dirty && !atomic_load(&target->reloader->is_dismissed);
    bool has_news = is_edited || target->forced_cause || target->is_removed;
    pthread_mutex_unlock(&target->reloader->lock);
    return has_news;
}

void reload_target_tell_settled(struct reload_target *target) {
    struct reloader *reloader = target->reloader;
    const struct reload_event event = {.step = RELOAD_STEP_SETTLED, .cause = ""};
    reloader->hooks.event(reloader->hooks.ctx, target, &event);
    pthread_mutex_lock(&reloader->lock);
    target->telling--;
    pthread_cond_broadcast(&reloader->idle);
    pthread_mutex_unlock(&reloader->lock);
}
