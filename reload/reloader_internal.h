/**
 * What reloader.c (the thread), target.c (one target: its files, when it is due), target_watch.c
 * (what it is told of) and reload_run.c (one reload of a target) share.  Not for others.
 *
 * Locks: `reloader->lock` guards everything here except the list of notes, which has `notes_lock`.
 * `notes_lock` is taken alone or inside `lock`, for a list operation only.  Neither is held while
 * the pool or a hook is called.
 */
#ifndef RELOAD_RELOADER_INTERNAL_H
#define RELOAD_RELOADER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "pool/base/clock.h"
#include "reload/reloader.h"
#include "reload/watch/file_set.h"
#include "reload/watch/missing.h"
#include "reload/watch/path_filter.h"
#include "reload/watch/path_set.h"
#include "reload/watch/watch.h"

struct note;     /* target.c */
struct appeared; /* target_missing.c */

/** A caller of reload_target_request() that wants to be told. */
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
    struct string_list files; /**< owned */
    bool *are_written; /**< one for each of `files`: since the last look, which a touch is not */
    unsigned debounce_ms, single_ms, startup_timeout_ms, drain_ms;
    bool is_watched;

    pthread_mutex_t notes_lock;
    struct note *notes;

    struct file_set *serving;   /**< what the current generation was made from */
    struct file_set *candidate; /**< what the one being built has read so far; NULL: none is */
    struct path_set *unread;    /**< files of which RELOAD_STEP_UNREAD was told */
    bool has_failed; /**< the last load: what it missed is a reason to try again when it appears */
    struct missing missing; /**< of a failed load */
    /** Since the last look, while a load may miss or has missed something. */
    struct appeared *appeared;

    bool is_loaded; /**< the first load is over: until then edits wait */
    bool is_dirty, is_busy, is_removed;
    bool must_watch_all;     /**< when the events that have come are all read */
    unsigned dirty_paths;    /**< 1: one path only */
    char dirty_path[256];    /**< the end of the first one */
    uint64_t first_event_ns; /**< CLOCK_MONOTONIC, of this series of events */
    uint64_t last_event_ns;
    char *forced_cause;     /**< reload_target_request(); NULL: not asked for */
    int start_failure;      /**< errno of a reload that could not be started; 0: none */
    bool is_starved;        /**< no reload could be started since the last that could */
    uint64_t retry_ns;      /**< is_starved: when an edit is tried again */
    uint64_t held_until_ns; /**< as the reloader's, for this one */
    struct waiter *waiters;
    unsigned draining; /**< threads that retire a generation of it */
    unsigned telling;  /**< threads in reload_target_tell_settled() */
};

struct reloader {
    struct reloader_hooks hooks;
    pthread_mutex_t lock;
    pthread_cond_t idle; /**< a reload or a retirement ended */
    pthread_t thread;
    int epoll_fd, wake_fd, timer_fd;
    struct watch *watch;
    struct path_set *folders; /**< that came or went, of the events being read */
    struct reload_target *targets;
    bool is_polling, is_stopping, is_limit_news;
    uint64_t held_until_ns;   /**< @lock: until then edits start no reload */
    atomic_bool is_dismissed; /**< without the lock, which reloads hold while they read files */
    struct error limit;       /**< of the watch that could not be added */
};

/* ---- target.c ---- */

/** @return a target that is in no list yet, or NULL: ERR_MEMORY  @owns reload_target_free() */
struct reload_target *reload_target_new(struct reloader *reloader,
                                        const struct reload_target_options *options,
                                        struct error *err);
void reload_target_free(struct reload_target *target);
/** Take noted files into their sets and watch them. @lock held */
void reload_target_take_notes_locked(struct reload_target *target);
/** Something happened to `path` ("": anything): reload when it has been quiet. @lock held */
void reload_target_mark_dirty_locked(struct reload_target *target, const char *path);
/** When its files will have been quiet for long enough. @return clock_now_ns() time  @lock held */
uint64_t reload_target_quiet_ns_locked(const struct reload_target *target);
/**
 * When to start a reload.
 * @return clock_now_ns() time; UINT64_MAX: there is nothing to reload for, or one is under way
 * @lock held
 */
uint64_t reload_target_due_ns_locked(struct reload_target *target, uint64_t now_ns);
/** Tell RELOAD_STEP_SETTLED, and count target->telling down. @lock none held */
void reload_target_tell_settled(struct reload_target *target);
/** Wake the reloader's thread: a state that it times by has changed. */
void reload_targets_wake(struct reloader *reloader);

/* ---- target_watch.c ---- */

/** Watch every path of a target again. @lock held */
void reload_target_watch_locked(struct reload_target *target);
/** Watch one file. @lock held */
void reload_target_watch_file_locked(struct reload_target *target, const char *path);
/**
 * Take in what inotify has told of the files of all targets.  Of folders that came and went only
 * what is there or below is looked at, once for all events that have come.
 * @lock held
 */
void reload_targets_read_events_locked(struct reloader *reloader);
/** Tell of files whose content is not compared, each once. @lock none held */
void reload_target_tell_unread(struct reload_target *target);

/* ---- target_missing.c ---- */

/** How the last load ended. @param err  NULL: it serves @lock held */
void reload_target_note_outcome_locked(struct reload_target *target, const struct error *err);
/** A new name in a watched folder. @return whether it may be what a load has missed, or, while one
 *  goes on, will  @lock held */
bool reload_target_note_appeared_locked(struct reload_target *target, const char *path);
/** Whether something that a failed load missed has appeared; asked once.
 *  @param[out] ret_path  what @lock held */
bool reload_target_has_appeared_locked(struct reload_target *target, char *ret_path, size_t size);
void reload_target_forget_appeared(struct reload_target *target);

/* ---- reload_run.c ---- */

/** One reload under way. */
struct reload_run {
    struct reload_target *target;
    struct reloader *reloader;
    const struct reloader_hooks *hooks;
    char cause[512];
    bool is_forced, has_changes;
    bool is_gated;           /**< STRATEGY_RESTART: the gate is closed, nothing serves */
    struct file_set *before; /**< until it is decided: what the generation before was made from */
    uint64_t first_event_ns;
    struct reload_event last; /**< waiters are told this one */
    struct error err;
};

/** Thread body: one reload of `target` (is_busy is set), to its end. */
void *reload_run(void *target);
/** In place of reload_run(), which could not be started (start_failure): the old generation is
 *  kept, and edits are tried again.  @thread the reloader's  @lock none held */
void reload_run_refuse(struct reload_target *target);
/** Call and free each. */
void reload_run_tell_waiters(struct waiter *waiters, const struct reload_event *event);
/** Tell hooks->event. */
void reload_run_tell(struct reload_run *run, enum reload_step step, uint64_t generation,
                     const struct error *err);

/* ---- reload_end.c ---- */

/** Retire the generation that was replaced, on a thread of its own. */
void reload_end_replaced(const struct reload_run *run, struct generation *old);
/**
 * End the serving generation, if there is one; the gate is closed.
 * @return whether it has ended: else run->err says why not
 */
bool reload_end_serving(struct reload_run *run);

#endif
