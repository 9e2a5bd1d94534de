/**
 * What reloader.c (watching, timing) and reload_run.c (one reload) share.  Not for others.
 *
 * Locks: `reloader->lock` guards everything here but `notes_lock`'s list; never held while the
 * pool or a hook is called.  `notes_lock` is taken alone or inside `lock`, for a list push only.
 */
#ifndef RELOAD_RELOADER_INTERNAL_H
#define RELOAD_RELOADER_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "reload/reloader.h"
#include "reload/watch/file_set.h"
#include "reload/watch/path_filter.h"
#include "reload/watch/watch.h"

struct note {
    struct note *next;
    struct timespec read_at; /* CLOCK_REALTIME_COARSE, just before the file was read */
    char path[];
};

struct waiter {
    struct waiter *next;
    void (*done)(void *ctx, const struct reload_event *event);
    void *ctx;
};

struct reload_target {
    struct reload_target *next;
    struct reloader *reloader;
    struct pool_interpreter *interpreter;
    void *user;
    struct path_filter *filter;
    char **files;
    size_t file_count;
    unsigned debounce_ms, startup_timeout_ms, drain_ms;
    bool is_watched;

    pthread_mutex_t notes_lock;
    struct note *notes;

    struct file_set *serving;   /* what the current generation was made from */
    struct file_set *candidate; /* what the one being built has loaded so far; NULL: none */
    bool has_failed;            /* the last load: any new .py file nearby is a reason to try */

    bool is_loaded; /* the first load is over: until then edits wait */
    bool is_dirty, is_busy, is_removed;
    unsigned dirty_paths; /* 1: one path only */
    char dirty_path[256]; /* its end */
    uint64_t first_event_ms, last_event_ms;
    char *forced_cause;
    struct waiter *waiters;
    unsigned draining; /* retire threads that still hold this target */
};

struct reloader {
    struct reloader_hooks hooks;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a reload or a retirement ended */
    pthread_t thread;
    int epoll_fd, wake_fd, timer_fd;
    struct watch *watch;
    struct reload_target *targets;
    bool is_polling, is_stopping, is_limit_news;
    struct error limit; /* of the watch that could not be added */
};

uint64_t reload_now_ms(void);
/** Take noted files into their sets and watch them. @lock held */
void reloader_take_notes_locked(struct reload_target *target);
/** Something happened to `path` ("": anything): reload when it has been quiet. @lock held */
void reloader_mark_dirty_locked(struct reload_target *target, const char *path);
/** When its files have been quiet for long enough (reload_now_ms() time). @lock held */
uint64_t reload_due_ms_locked(const struct reload_target *target);
/** What watch_read() is given; ctx is the reloader. @lock held */
void reloader_on_event(void *ctx, const char *path, bool is_structure);
void reload_target_free(struct reload_target *target);
/** Watch every path of a target again. @lock held */
void reloader_watch_locked(struct reload_target *target);
/** Wake the thread: a state it times by has changed. */
void reloader_wake(struct reloader *reloader);
/** Thread body: one reload of `target` (is_busy is set), to its end. */
void *reload_run(void *target);

#endif
