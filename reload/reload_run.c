/* One reload of one target, from "its files rest" to the retirement of the old generation. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reload/reloader_internal.h"

void reload_run_tell(struct reload_run *run, enum reload_step step, uint64_t generation,
                     const struct error *err) {
    struct reload_event event = {.step = step,
                                 .cause = run->cause,
                                 .generation = generation,
                                 .total_ms = (double)(clock_now_ns() - run->first_event_ns) /
                                             CLOCK_NS_PER_MS,
                                 .err = err};
    run->last = event;
    run->hooks->event(run->hooks->ctx, run->target, &event);
}

/* ---- What changed ---- */

struct newcomers {
    struct file_set *set;
    size_t count;
    char first[256];
};

static void add_newcomer(void *ctx, const char *path, bool is_directory) {
    struct newcomers *newcomers = ctx;
    if (!is_directory && file_set_add(newcomers->set, path, NULL, NULL) == 1 &&
        newcomers->count++ == 0) {
        snprintf(newcomers->first, sizeof newcomers->first, "%s", path);
    }
}

/* Whether there is something to reload for; fills run->cause. @lock held */
static bool look_locked(struct reload_run *run) {
    struct reload_target *target = run->target;
    char first[256] = "", missed[PATH_MAX];
    struct newcomers newcomers = {.set = target->serving};
    reload_target_take_notes_locked(target);
    for (size_t i = 0; i < target->files.count; i++) {
        target->are_written[i] = false;
    }
    size_t changed = file_set_changed(target->serving, first, sizeof first);
    path_filter_walk(target->filter, NULL, add_newcomer, &newcomers);
    if (changed == 0) {
        snprintf(first, sizeof first, "%s", newcomers.first);
    }
    changed += newcomers.count;
    if (reload_target_has_appeared_locked(target, missed, sizeof missed) && changed == 0) {
        snprintf(first, sizeof first, "%.255s", missed);
        changed = 1;
    }
    run->first_event_ns = target->is_dirty ? target->first_event_ns : clock_now_ns();
    target->is_dirty = false;
    run->is_forced = target->forced_cause != NULL;
    if (run->is_forced) {
        snprintf(run->cause, sizeof run->cause, "%s", target->forced_cause);
        free(target->forced_cause);
        target->forced_cause = NULL;
    } else if (changed > 1) {
        snprintf(run->cause, sizeof run->cause, "changed: %s (+%zu more)", first, changed - 1);
    } else {
        snprintf(run->cause, sizeof run->cause, "changed: %s", first);
    }
    run->has_changes = changed > 0;
    return run->is_forced || run->has_changes;
}

/* ---- The next generation ---- */

/* The candidate's files become what the target compares with. @lock held */
static void adopt_files_locked(struct reload_run *run, bool has_loaded) {
    struct reload_target *target = run->target;
    reload_target_take_notes_locked(target);
    if (has_loaded) {
        /* the WSGI files and the pattern files stay, whether or not the code reads them */
        struct newcomers newcomers = {.set = target->candidate};
        path_filter_walk(target->filter, NULL, add_newcomer, &newcomers);
        for (size_t i = 0; i < target->files.count; i++) {
            file_set_add(target->candidate, target->files.items[i], NULL, NULL);
        }
        run->before = target->serving;
        target->serving = target->candidate;
    } else { /* what the failed load read is a reason to try again, too */
        file_set_merge(target->serving, target->candidate, NULL);
        file_set_free(target->candidate);
    }
    target->candidate = NULL;
    reload_target_note_outcome_locked(target, has_loaded ? NULL : &run->err);
}

/** It is decided.  What the generation before was made from is watched on, if that goes on. */
static void settle_files(struct reload_run *run) {
    struct reload_target *target = run->target;
    pthread_mutex_lock(&run->reloader->lock);
    if (run->before && run->last.step != RELOAD_STEP_SWITCHED) {
        reload_target_take_notes_locked(target);
        file_set_merge(target->serving, run->before, NULL);
    }
    if (run->last.step == RELOAD_STEP_KEPT) {
        reload_target_note_outcome_locked(target, &run->err);
    }
    file_set_free(run->before);
    run->before = NULL;
    pthread_mutex_unlock(&run->reloader->lock);
}

static void drop_candidate_locked(struct reload_target *target) {
    file_set_free(target->candidate);
    target->candidate = NULL;
}

/* Whether files changed while they were loaded; then what was built may be a mix. @lock held */
static bool is_outdated_locked(struct reload_target *target) {
    reload_target_take_notes_locked(target);
    reload_targets_read_events_locked(target->reloader);
    file_set_settle(target->candidate, target->serving);
    return file_set_changed(target->candidate, NULL, 0) > 0 ||
           (target->is_dirty && file_set_changed(target->serving, NULL, 0) > 0);
}

/* Until the files rest again; the reloader's thread notes the events meanwhile. @lock held */
static void wait_for_quiet_locked(struct reload_target *target) {
    uint64_t quiet_ns;
    while (target->is_dirty &&
           (quiet_ns = reload_target_quiet_ns_locked(target)) > clock_now_ns()) {
        struct timespec until = clock_timespec(quiet_ns);
        pthread_cond_timedwait(&target->reloader->idle, &target->reloader->lock, &until);
    }
    target->is_dirty = false;
    file_set_changed(target->serving, NULL, 0);
}

/* Build until the files rest. @return 0 with a generation and its files as the candidate */
static int build_next(struct reload_run *run, struct generation **ret_next) {
    struct reload_target *target = run->target;
    for (int tries = 1;; tries++) {
        pthread_mutex_lock(&run->reloader->lock);
        target->candidate = file_set_new(&run->err);
        pthread_mutex_unlock(&run->reloader->lock);
        if (!target->candidate) {
            return -1;
        }
        if (run->hooks->before_load) {
            run->hooks->before_load(run->hooks->ctx, target, pool_current(target->interpreter));
        }
        int failed =
            pool_build(target->interpreter, target->startup_timeout_ms, ret_next, &run->err);
        pthread_mutex_lock(&run->reloader->lock);
        bool is_outdated = is_outdated_locked(target) && tries < RELOAD_REBUILDS_MAX;
        if (is_outdated) {
            drop_candidate_locked(target);
            wait_for_quiet_locked(target);
        }
        pthread_mutex_unlock(&run->reloader->lock);
        if (!is_outdated) {
            return failed;
        }
        if (!failed) {
            pool_discard(*ret_next);
        }
    }
}

/* ---- Strategies ---- */

/* run->err says why. */
static void replace_worker(struct reload_run *run) {
    if (run->is_gated) { /* what waits is for the next worker */
        pool_bar(run->target->interpreter);
    }
    run->hooks->replace(run->hooks->ctx, run->target, run->is_gated, run->cause, &run->err);
    reload_run_tell(run, RELOAD_STEP_REPLACED, 0, &run->err);
}

/* run->err says why. */
static void keep_generation(struct reload_run *run) {
    reload_run_tell(run, RELOAD_STEP_KEPT, 0, &run->err);
}

static void publish_generation(struct reload_run *run, struct generation *next) {
    struct generation *old = pool_current(run->target->interpreter);
    uint64_t number = generation_number(next);
    if (pool_publish(next, &run->err) != 0) {
        pool_discard(next);
        keep_generation(run);
        return;
    }
    reload_run_tell(run, RELOAD_STEP_SWITCHED, number, NULL);
    if (old) {
        reload_end_replaced(run, old);
    }
}

static void decide_switch(struct reload_run *run, struct generation *next) {
    switch (run->hooks->before_switch(run->hooks->ctx, run->target, next, &run->err)) {
    case DECISION_SWITCH:
        publish_generation(run, next);
        break;
    case DECISION_KEEP:
        pool_discard(next);
        keep_generation(run);
        break;
    case DECISION_REFUSE:
        pool_discard(next);
        reload_run_tell(run, RELOAD_STEP_REFUSED, 0, &run->err);
        break;
    case DECISION_REPLACE_WORKER:
        pool_discard(next);
        replace_worker(run);
        break;
    }
}

static void build_and_switch(struct reload_run *run, bool is_restart) {
    struct generation *next = NULL;
    int failed = build_next(run, &next);
    if (failed && is_restart && !run->has_changes) {
        /* The files hold what the ended generation was made from: its code may come back. */
        failed = build_next(run, &next);
    }
    pthread_mutex_lock(&run->reloader->lock);
    if (run->target->candidate) {
        adopt_files_locked(run, !failed);
    }
    reload_target_watch_locked(run->target);
    pthread_mutex_unlock(&run->reloader->lock);
    reload_target_tell_unread(run->target);
    if (!failed) {
        decide_switch(run, next);
        settle_files(run);
    } else if (run->err.code == ERR_REFUSED || /* a module that wants the main interpreter */
               run->err.code == ERR_EXHAUSTED) {
        replace_worker(run);
    } else {
        keep_generation(run);
    }
}

/** The old generation first ends: what it holds of the system (a port, a lock) is free then. */
static void restart_in_process(struct reload_run *run) {
    run->is_gated = true;
    pool_gate_close(run->target->interpreter);
    if (reload_end_serving(run)) {
        build_and_switch(run, true);
    } else {
        replace_worker(run);
    }
    if (run->last.step != RELOAD_STEP_REPLACED) {
        pool_gate_open(run->target->interpreter);
    }
}

/* ---- The thread ---- */

void reload_run_tell_waiters(struct waiter *waiters, const struct reload_event *event) {
    for (struct waiter *next; waiters; waiters = next) {
        next = waiters->next;
        waiters->done(waiters->ctx, event);
        free(waiters);
    }
}

static void finish_run(struct reload_run *run, struct waiter *waiters) {
    struct reloader *reloader = run->reloader;
    reload_run_tell_waiters(waiters, &run->last);
    pthread_mutex_lock(&reloader->lock);
    run->target->is_busy = false;
    run->target->telling++;
    pthread_cond_broadcast(&reloader->idle);
    pthread_mutex_unlock(&reloader->lock);
    reload_targets_wake(reloader);           /* edits or requests may have come meanwhile */
    reload_target_tell_settled(run->target); /* the last use: the reloader may be freed then */
}

/* Look for what changed, and tell. @return whether there is something to reload for */
static bool begin_run(struct reload_run *run, struct reload_target *target,
                      struct waiter **ret_waiters) {
    run->target = target;
    run->reloader = target->reloader;
    run->hooks = &target->reloader->hooks;
    pthread_mutex_lock(&run->reloader->lock);
    bool is_needed =
        look_locked(run) && (run->is_forced || !atomic_load(&run->reloader->is_dismissed));
    *ret_waiters = target->waiters;
    target->waiters = NULL;
    pthread_mutex_unlock(&run->reloader->lock);
    reload_target_tell_unread(target);
    reload_run_tell(run, is_needed ? RELOAD_STEP_DETECTED : RELOAD_STEP_UNCHANGED, 0, NULL);
    return is_needed;
}

void *reload_run(void *arg) {
    struct reload_run run = {0};
    struct waiter *waiters;
    const char *why = "";
    if (begin_run(&run, arg, &waiters)) {
        switch (run.hooks->strategy(run.hooks->ctx, run.target, &why)) {
        case STRATEGY_INTERPRETER:
            build_and_switch(&run, false);
            break;
        case STRATEGY_RESTART:
            restart_in_process(&run);
            break;
        case STRATEGY_WORKER:
            error_set(&run.err, ERR_NONE, "%s", why); /* no failure, but the configured way */
            replace_worker(&run);
            break;
        }
    }
    finish_run(&run, waiters);
    return NULL;
}

void reload_run_refuse(struct reload_target *target) {
    struct reload_run run = {
        .target = target, .reloader = target->reloader, .hooks = &target->reloader->hooks};
    pthread_mutex_lock(&run.reloader->lock);
    struct waiter *waiters = target->waiters;
    target->waiters = NULL;
    bool is_news = !target->is_starved || target->forced_cause;
    if (target->forced_cause) {
        snprintf(run.cause, sizeof run.cause, "%s", target->forced_cause);
    } else {
        snprintf(run.cause, sizeof run.cause, "changed: %s", target->dirty_path);
    }
    run.first_event_ns = target->is_dirty ? target->first_event_ns : clock_now_ns();
    free(target->forced_cause);
    target->forced_cause = NULL;
    error_set_errno(&run.err, target->start_failure, "the reload cannot be started: a thread");
    target->start_failure = 0;
    target->is_starved = true;
    target->retry_ns = clock_now_ns() + (uint64_t)RELOAD_RETRY_MS * CLOCK_NS_PER_MS;
    pthread_mutex_unlock(&run.reloader->lock);
    if (is_news) { /* an edit is tried again until it succeeds, but logged once */
        keep_generation(&run);
    }
    finish_run(&run, waiters);
}
