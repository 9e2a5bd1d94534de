/**
 * What the files of this room share: recycle.c (life, registry), strategy.c (what the reloader
 * asks), stale_state.c (the check), news.c (what the reloader tells), by_hand.c (`fcgi_host
 * reload`), report.c (status), errands.c (what is done when there is time: spares.c, looks.c).
 *
 * Lock order: recycle->lock, recyclable->lock.  Nothing of the reloader that waits is called with
 * one of them held.
 */
#ifndef FCGI_HOST_RECYCLE_RECYCLE_INTERNAL_H
#define FCGI_HOST_RECYCLE_RECYCLE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "reload/reloader.h"

struct errands;
struct spare;
struct stale_check;
struct stale_report;

enum {
    RECYCLE_WHY_BYTES = 512,
    RECYCLE_TOLD_MAX = 64, /**< findings known to have been logged: further ones are logged again */
};

/** One named interpreter. */
struct recyclable {
    struct recyclable *next;
    struct recycle *recycle;
    struct pool_interpreter *interpreter;
    struct reload_target *target;
    struct stale_check *check; /**< NULL: never recycled in the process */
    _Atomic unsigned asked;    /**< reloads by hand under way: the supervisor replaces if need be */
    /** Why the reloader was told its strategy.  @thread the interpreter's reload, one at a time */
    char strategy_why[RECYCLE_WHY_BYTES];
    /** What the generation that serves or served last had loaded; `bytes` NULL: not known.
     *  @thread the interpreter's reload */
    struct wsgi_modules modules;
    pthread_mutex_t lock;
    struct spare *spare; /**< NULL: it never has one */
    struct {
        uint64_t due_ns;      /**< CLOCK_MONOTONIC; 0: no look is due */
        uint64_t interval_ms; /**< to the next one */
        bool is_over;         /**< it has found something, and another process is to come */
    } look;                   /**< looks.c; @lock recycle->lock */
    char unrecyclable[RECYCLE_WHY_BYTES]; /**< @lock; which extension, and why; "": recyclable */
    char outdated[RECYCLE_WHY_BYTES];     /**< @lock; which file was replaced; "": none */
    bool is_surely_outdated;              /**< @lock; else it may be */
    bool is_newer_asked_for;              /**< @lock; by recycle_reload_if_outdated() */
    char *finding;                        /**< @lock; of that extension (channel.h); NULL: none */
    char verdict[16];                     /**< @lock; of the last check; "": there was none */
    struct stale_report *report;          /**< @lock; of the last check; NULL: there was none */
    struct {
        uint64_t count;              /**< that have led to a report */
        uint64_t spent_ns;           /**< by steps since the last report */
        double last_ms, total_ms;    /**< of those with a report, their earlier steps included */
    } checks;                        /**< @lock */
    uint64_t told[RECYCLE_TOLD_MAX]; /**< @lock; hashes of the findings that were logged */
    unsigned told_count;             /**< @lock */
};

struct recycle {
    struct recycle_options options;
    struct reloader *reloader;
    /** The list.  Threads may take it attached: it is held for moments only. */
    pthread_mutex_t lock;
    struct recyclable *first;      /**< @lock */
    struct errands *errands;       /**< NULL: there was no memory, and none is run */
    uint64_t spares_rest_until_ns; /**< memory was short; CLOCK_MONOTONIC; @lock */
    /** Held from a generation's last moment to the check after its end, which tells what this one
     *  end freed.  (A semaphore, because another thread gives it back.) */
    sem_t end_turn;
    atomic_bool has_unseen;          /**< recycle_count_made() */
    _Atomic uint64_t base_rss_bytes; /**< when the applications had loaded; 0: not yet */
    _Atomic uint64_t rss_bytes;      /**< after the last retirement; 0: there was none */
};

/* ---- registry.c ---- */

/** @return NULL: there is none for this interpreter, or no `recycle` */
struct recyclable *recycle_find(struct recycle *recycle,
                                const struct pool_interpreter *interpreter);
/** The same, with recycle->lock held. */
struct recyclable *recycle_find_locked(struct recycle *recycle,
                                       const struct pool_interpreter *interpreter);

size_t recycle_application_count(const struct recyclable *recyclable);
struct application *recycle_application(const struct recyclable *recyclable, size_t index);

/* ---- strategy.c ---- */

/** The questions of struct reloader_hooks (ctx: struct recycle; a target's user: struct
 *  recyclable). */
void recycle_fill_questions(struct reloader_hooks *hooks);

/** Copy what the check has found. @return whether something forbids recycling */
bool recycle_is_unrecyclable(struct recyclable *recyclable, char *ret_why, size_t why_bytes);
/** @return whether one of its applications has this `reload` */
bool recycle_has_mode(const struct recyclable *recyclable, enum reload_mode mode);
/** Look for interpreters that no check sees, for recycle_strategy().  Not with a lock held: it has
 *  to take CPython's lock of its list of interpreters. @thread any */
void recycle_count_made(struct recycle *recycle);
/** How an interpreter is reloaded. @param[out] ret_why  the reason, cut to what fits @thread any */
enum reload_strategy recycle_strategy(struct recyclable *recyclable, char *ret_why,
                                      size_t why_bytes);

/** The same, after a look at the files of the extensions that `serving` (NULL: none) uses.
 *  @thread the interpreter's reload, or one that holds its target */
enum reload_strategy recycle_look_and_choose(struct recyclable *recyclable,
                                             struct generation *serving, char *ret_why,
                                             size_t why_bytes);

/* ---- news.c ---- */

/** reloader_hooks.event */
void recycle_on_event(void *ctx, struct reload_target *target, const struct reload_event *event);

/** on_stale = refuse: from now on an interpreter's requests are answered with 503, until a reload
 *  succeeds. @param err  why */
void recycle_refuse(struct recyclable *recyclable, const struct error *err);

/* ---- outdated.c: the files of extensions ---- */

/**
 * Look whether an extension or a library that a generation uses was loaded from another file than
 * is there now, and watch the libraries.  What is found stays: the process is to be replaced.
 * @return 0, also when it cannot be told; or -1, with `err`
 */
int recycle_check_files(struct recyclable *recyclable, struct generation *generation,
                        struct error *err);
/** Copy which file was replaced. @return whether one was, or may have been */
bool recycle_is_outdated(struct recyclable *recyclable, char *ret_why, size_t why_bytes);
/** No edit may follow when it was replaced before it was loaded here: a reload is asked for, once.
 */
void recycle_reload_if_outdated(struct recyclable *recyclable);

/* ---- own_gil.c ---- */

/**
 * Look whether an interpreter with a GIL of its own uses an extension that the check would have to
 * read.  What is found stays: unrecyclable.
 * @return 0, also where it has not its own GIL; or -1, with `err`
 */
int recycle_check_own_gil(struct recyclable *recyclable, struct generation *generation,
                          struct error *err);

/* ---- stale_state.c: the check for stale extension state; each attaches by pool_run() ---- */

void recycle_check_before_load(struct recyclable *recyclable, struct generation *serving);
/** @param serving  NULL: the first generation.
 *  @return 0, or -1 when on_stale forbids to go on or the check could not be made: `err` says
 *          which */
int recycle_check_loaded(struct recyclable *recyclable, struct generation *serving,
                         struct generation *next, struct error *err);
/** The same of a spare.
 *  @param[out] ret_harms  the serving generation must not go on: an extension has let go of its
 *                         objects for the spare's */
int recycle_check_spare(struct recyclable *recyclable, struct generation *serving,
                        struct generation *spare, bool *ret_harms, struct error *err);
/** The same of the generation that serves, again.
 *  @param[out] ret_is_shared  it is given objects of another interpreter */
int recycle_check_serving(struct recyclable *recyclable, struct generation *serving,
                          bool *ret_is_shared, struct error *err);
/** For a generation that is built when the one before has ended: what was left behind of that. */
int recycle_check_ended(struct recyclable *recyclable, struct generation *next, struct error *err);
int recycle_check_after_end(struct recyclable *recyclable, struct generation *serving,
                            struct error *err);
/** Whether what a check says forbids to serve, instead of asking for a worker. */
bool recycle_refuses_stale(const struct recyclable *recyclable, const struct error *err);
/**
 * Keep a check's result for the strategy and the status.
 * @param report  taken over
 * @param worst   what forbids recycling; NULL: nothing that this check found
 * @thread any
 */
void recycle_keep_report(struct recyclable *recyclable, struct stale_report *report,
                         const char *worst);
/**
 * Ask for another process for what extensions were found to keep (options.move_found).
 * @param is_shared  what is served here may be wrong
 * @return whether it was; false: no extension's file forbids recycling
 */
bool recycle_ask_move(struct recyclable *recyclable, bool is_shared, const char *why);
/** Copy the `finding` (channel.h) about what forbids recycling; "": no extension's file does. */
void recycle_copy_finding(struct recyclable *recyclable, char *ret_finding, size_t finding_bytes);

#endif
