/**
 * The reloader: from a changed file to new code, one named interpreter at a time.
 *
 * Life of a reload (all of it told through hooks->event):
 *   1. files change → quiet for the debounce time → compared with what was loaded → `detected`
 *   2. hooks->strategy: in this process, or by a worker replacement
 *   3. in this process: pool_build() the next generation beside the serving one;
 *      it fails → `kept`: the old one goes on, the next edit tries again
 *   4. hooks->before_switch: readiness and stale extension state; then pool_publish() → `switched`
 *   5. the old one drains (`drained`) and is ended (`retired` or `zombie`)
 *   6. hooks->after_end: stale extension state once more, while the gate is closed; the gate stays
 *      closed when the worker must be replaced
 * With STRATEGY_RESTART the steps 5 and 6 come before 3, and requests wait at the gate; when the
 * next generation then fails, nothing serves until the next edit. When files change while a
 * generation is being built, it is built again before it serves, so that it is never a mix of two
 * versions.
 *
 * @thread any  @tstate none, unless a function says otherwise
 * Lock order: no function of the pool is called with a lock of the reloader held.
 */
#ifndef RELOAD_RELOADER_H
#define RELOAD_RELOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/base/string_list.h"
#include "pool/pool.h"

struct reloader;
struct reload_target;

enum reload_strategy {
    STRATEGY_INTERPRETER, /**< next generation in this process, beside the old one */
    STRATEGY_RESTART,     /**< next generation in this process, once the old one has ended */
    STRATEGY_WORKER,      /**< a new worker process */
};

enum reload_step {
    RELOAD_STEP_DETECTED,
    RELOAD_STEP_SWITCHED, /**< `total_ms` from the first change */
    RELOAD_STEP_KEPT,     /**< `err` says why; the old generation serves on */
    RELOAD_STEP_REFUSED,  /**< `err` says why; nothing is to be served until the next reload */
    RELOAD_STEP_REPLACED, /**< a worker replacement was asked for; `err` says why */
    RELOAD_STEP_DRAINED,
    RELOAD_STEP_RETIRED,
    RELOAD_STEP_ZOMBIE,
    RELOAD_STEP_SETTLED,   /**< a reload, or the end of a replaced generation, is over: perhaps
                                reload_target_hold() succeeds now */
    RELOAD_STEP_UNCHANGED, /**< there were events, but every file holds what was loaded */
    RELOAD_STEP_UNREAD,    /**< the content of a watched file is not compared: `cause` is its path,
                              `err`    says why; once for each file */
    RELOAD_STEP_WATCH_LIMIT, /**< no inotify watches are left: polling (RELOAD_POLL_MS) begins */
};

enum reload_decision {
    DECISION_SWITCH,         /**< the new generation serves from now on */
    DECISION_KEEP,           /**< the old one serves on; the next edit tries again */
    DECISION_REFUSE,         /**< the new one must not serve, and the old one is not to */
    DECISION_REPLACE_WORKER, /**< a new worker process is needed */
};

struct reload_event {
    enum reload_step step;
    /** "changed: /srv/blog/views.py (+3 more)", "asked by control" */
    const char *cause;
    uint64_t generation; /**< the new one; the old one for drained, retired, zombie */
    double total_ms;
    const struct error *err;
};

struct reloader_hooks {
    void *ctx;
    /** @param[out] ret_why  a static or target-owned text */
    enum reload_strategy (*strategy)(void *ctx, struct reload_target *target, const char **ret_why);
    /** The next generation is about to be built beside `serving` (NULL: none). Optional. */
    void (*before_load)(void *ctx, struct reload_target *target, struct generation *serving);
    /**
     * Decide about a generation that was built and does not serve yet.
     * @param[out] err  why, unless the decision is DECISION_SWITCH
     */
    enum reload_decision (*before_switch)(void *ctx, struct reload_target *target,
                                          struct generation *next, struct error *err);
    /**
     * The old generation has ended (not called for a zombie); the gate has been closed since just
     * before (pool_hooks.ending).
     * @param serving  the current generation, held for the time of the call: later reloads may
     *                 retire it meanwhile; NULL: there is none, or not yet (STRATEGY_RESTART)
     * @return 0 open the gate; -1 with `err`: replace the worker and keep the gate closed
     */
    int (*after_end)(void *ctx, struct reload_target *target, struct generation *serving,
                     struct error *err);
    /** Ask for these applications in another process.
     * @param is_barred  this process serves them no more (pool_bar())
     * @param why        ERR_REFUSED: an extension wants the main interpreter */
    void (*replace)(void *ctx, struct reload_target *target, bool is_barred, const char *cause,
                    const struct error *why);
    /** `target` is NULL for RELOAD_STEP_WATCH_LIMIT, which concerns all. */
    void (*event)(void *ctx, struct reload_target *target, const struct reload_event *event);
};

struct reload_target_options {
    struct pool_interpreter *interpreter;
    const char *base;                 /**< directory that relative patterns start from */
    struct string_list watch, ignore; /**< patterns (path_filter.h); copied */
    struct string_list files;         /**< the WSGI files: always watched; copied */
    unsigned debounce_ms;             /**< files must be quiet for so long */
    unsigned single_ms;               /**< the same where one file only has changed */
    unsigned startup_timeout_ms, drain_ms;
    bool is_watched; /**< false: only reload_target_request() reloads it */
    void *user;      /**< reload_target_user() */
};

enum {
    RELOAD_SINGLE_MS = 5,          /**< single_ms where nobody says otherwise */
    RELOAD_DEBOUNCE_MAX_MS = 5000, /**< a reload is put off no longer than this or debounce_ms */
    RELOAD_POLL_MS = 1000,         /**< where the kernel has no watches left */
    RELOAD_UNREAD_MAX = 32,  /**< files told by RELOAD_STEP_UNREAD: further ones are like them */
    RELOAD_RETRY_MS = 1000,  /**< when there was no thread for a reload */
    RELOAD_REBUILDS_MAX = 5, /**< generations thrown away because files changed meanwhile */
};

/** @return the reloader with its thread running, or NULL: ERR_SYSTEM, ERR_MEMORY */
struct reloader *reloader_new(const struct reloader_hooks *hooks, struct error *err);

/** Another process serves from now on: edits are not looked for any more, in this one.  Reloads
 * that are asked for go on. */
void reloader_dismiss(struct reloader *reloader);

/** For `ms` from now on edits are noted, but no reload begins for them; 0: it does again.  Reloads
 * that are asked for go on. */
void reloader_hold_edits(struct reloader *reloader, unsigned ms);
/** The same for one interpreter. */
void reload_target_hold_edits(struct reload_target *target, unsigned ms);

/** Stop watching; waits for a reload that is under way. NULL is fine. */
void reloader_free(struct reloader *reloader);

/** Before the first load of the interpreter, so that no edit is missed. Errors: ERR_MEMORY */
int reloader_add(struct reloader *reloader, const struct reload_target_options *options,
                 struct reload_target **ret_target, struct error *err);
/** Forget a target (an evicted script); waits for its reload. */
void reloader_remove(struct reloader *reloader, struct reload_target *target);

/* ---- One target (target.c) ---- */

/**
 * A generation is about to read a file.  Call it just before: what is written later was not read.
 * Cheap; the reloader's thread does the rest.
 * @thread any   @tstate any: takes one short lock
 */
void reload_target_note_file(struct reload_target *target, const char *path);

/**
 * The first load is over.  Until this call edits and requests wait.
 * @param err  NULL: it serves; else the next edit or request tries again
 */
void reload_target_loaded(struct reload_target *target, const struct error *err);

/**
 * Reload now, whether or not files have changed.
 * @param done  NULL, or called once, on a thread of the reloader or by reloader_remove(), with the
 *              last step (switched, kept, replaced) and its error
 * @return 0, or -1: ERR_MEMORY; `done` is not called then
 */
int reload_target_request(struct reload_target *target, const char *cause,
                          void (*done)(void *ctx, const struct reload_event *event), void *ctx,
                          struct error *err);

/**
 * From now on no reload of this target begins, until reload_target_let_go().
 * @return false: one is under way, or a replaced generation has not ended, or a reload is due;
 *         RELOAD_STEP_SETTLED tells when that is over
 */
bool reload_target_hold(struct reload_target *target);
/** The same without waiting for a lock. @param[out] ret_again  it could not be told: try again soon
 */
bool reload_target_try_hold(struct reload_target *target, bool *ret_again);
void reload_target_let_go(struct reload_target *target);
/** Whether something waits for the target, as far as can be told without waiting: an edit, or a
 *  reload that was asked for.  @thread any  @tstate any */
bool reload_target_has_news(struct reload_target *target);

void *reload_target_user(const struct reload_target *target);

#endif
