/**
 * Reloading in the worker's process: the reloader (reload/) connected to this host's
 * configuration, log and status.
 *
 * How an interpreter is reloaded, and why (the first that applies):
 *   - `reload = worker`, the main interpreter, or (before 3.15) a GIL of its own: by a new worker
 *   - this libpython is not the one that the program was built for, and what the check reads may be
 *     elsewhere (pool/python/cpython_layouts.h): by a new worker
 *   - tracemalloc traces: it keeps file names of ended interpreters (CPython issues 134604, 144172):
 *     by a new worker
 *   - an application has made an interpreter with a GIL of its own (PEP 734), whose objects the check
 *     does not see: by a new worker
 *   - this CPython does not unlink the objects of ended interpreters (3.12.0 to 3.12.6): by a new
 *     worker
 *   - it has a GIL of its own and uses extensions beside the standard library's, which no check reads
 *     there: by a new worker
 *   - the check for stale state has found an extension that cannot be recycled: by a new worker
 *   - too many interpreters could not be ended, or recycles have cost too much memory: by a new
 *     worker
 *   - an extension that it uses, or a library of one, was replaced on disk: by a new worker
 *   - else in the process; with `reload = restart` when the old generation has ended
 *
 * Life cycle: 1. recycle_new(); 2. recycle_add() for each interpreter, before its first build;
 * 3. recycle_built(), then recycle_loaded(); 4. recycle_remove() before an interpreter leaves the
 * pool.
 *
 * A struct recycle pointer may be NULL everywhere but where it says otherwise: there is no
 * reloading in this process, and nothing happens.
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_RECYCLE_H
#define FCGI_HOST_RECYCLE_RECYCLE_H

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/link/reload_outcome.h"
#include "pool/pool.h"

struct recycle;

struct recycle_options {
    struct pool *pool;
    const struct config *config; /**< valid as long as the process */
    void *ctx;
    /** Only a new worker process can reload this interpreter: ask for one.
     *  @param is_barred  this process serves some application no more (pool_bar())
     *  @thread any  @tstate none */
    void (*replace)(void *ctx, const char *interpreter, bool is_barred, const char *why);
    /** The same, where it is these applications that cannot be reloaded, or live, in this process:
     *  one of their own is as good.
     *  @param finding  as in channel.h */
    void (*move)(void *ctx, const char *interpreter, bool is_barred, const char *why,
                 const char *finding);
    /** The check has found, in code that serves, what its applications must not share: ask for a
     *  process of their own.
     *  @param is_shared  they are given objects of another interpreter: they serve here no more
     *  @thread any  @tstate none */
    void (*move_found)(void *ctx, const char *interpreter, bool is_shared, const char *why,
                       const char *finding);
    /** A spare has harmed the generation that serves: ask for another process that makes none.
     *  @thread any  @tstate none */
    void (*replace_for_spare)(void *ctx, const char *interpreter, const char *why);
    bool makes_no_spares; /**< that has happened before */
    /** The outcome of recycle_by_hand(). @param why  "": there is nothing to say
     *  @thread any  @tstate none */
    void (*reloaded)(void *ctx, uint64_t number, enum reload_outcome outcome, const char *why);
    /** A reload of an application has ended, or needs another worker (REPLACED).
     *  @thread any  @tstate none */
    void (*ended)(void *ctx, const struct application *application,
                  const struct reload_ending *ending);
    /** An application serves again, from a new generation. @thread any  @tstate none */
    void (*loaded)(void *ctx, const struct application *application);
};

/**
 * Start the reloader, before any application is loaded; sets the hook that tells which files are
 * read (wsgi_set_file_hook()).
 * @return NULL: ERR_SYSTEM (no inotify instance left: fs.inotify.max_user_instances), ERR_MEMORY
 * @owns lives as long as the process
 */
struct recycle *recycle_new(const struct recycle_options *options, struct error *err);

/** Watch an interpreter, before its first build. Errors: ERR_MEMORY */
int recycle_add(struct recycle *recycle, struct pool_interpreter *interpreter, struct error *err);
/**
 * An interpreter's first generation is built and does not serve yet: can its extensions live in
 * several interpreters, one after the other and side by side?
 * @param[out] ret_finding  about the extension that cannot (channel.h)
 * @return 0, or -1 with ERR_REFUSED: it must not serve here
 */
int recycle_built(struct recycle *recycle, struct generation *generation, char *ret_finding,
                  size_t finding_bytes, struct error *err);
/** A generation has not loaded, and is about to end: what do extensions keep of it?  Where one
 *  serves beside it, that is acted on.  @thread generation  @tstate attached */
void recycle_load_failed(struct recycle *recycle, struct generation *generation);
/**
 * An interpreter's first generation has not loaded.
 * @param[out] ret_finding  as for recycle_built()
 * @param[in,out] err       why; ERR_REFUSED on return: it must be loaded elsewhere, whatever it was
 * @return whether extensions keep something of it
 */
bool recycle_not_built(struct recycle *recycle, const struct pool_interpreter *interpreter,
                       char *ret_finding, size_t finding_bytes, struct error *err);
/** An interpreter's first generation serves or has failed: from now on edits reload it. */
void recycle_loaded(struct recycle *recycle, struct pool_interpreter *interpreter);
/** A request of an application has been answered: the check may be due to look again.  Cheap.
 *  @param recycle  NULL is fine  @thread any  @tstate any */
void recycle_note_request(struct recycle *recycle, struct application *application);
/** This worker is replaced: edits are the next one's business.  Does not block. @thread any */
void recycle_dismiss(struct recycle *recycle);

/** Another process is loading to serve in this one's place: for `ms` edits start no reload here, so
 *  that no code that serves here is newer than what that one has loaded. 0: they do. */
void recycle_hold_edits(struct recycle *recycle, unsigned ms);
/** Another process is asked to serve an interpreter's applications: so it is with these for some
 *  seconds. NULL is fine. @thread any */
void recycle_moving(struct recycle *recycle, const struct pool_interpreter *interpreter);
/** Give the spares back, and make none for a while.  Does not block. NULL is fine. @thread any */
void recycle_memory_is_short(struct recycle *recycle);
/** An interpreter is about to leave the pool; waits for a reload under way there. */
void recycle_remove(struct recycle *recycle, struct pool_interpreter *interpreter);

/** For pool_hooks.prepare. @thread generation  @tstate attached */
int recycle_prepare(struct recycle *recycle, struct generation *generation, struct error *err);
/** The load of a generation that was a spare has failed with ERR_COLD.
 *  @thread generation  @tstate attached */
void recycle_cold(struct recycle *recycle, struct generation *generation, const struct error *why);

/** For pool_hooks.ending. @thread generation  @tstate attached */
void recycle_ending(struct recycle *recycle, struct generation *generation);

/**
 * Reload these applications in this process (`fcgi_host reload`).  Does not block: the outcome is
 * told by options.reloaded.
 * @param recycle  not NULL
 * @param number   given back with the outcome
 * @param names    one a line; "": all
 */
void recycle_by_hand(struct recycle *recycle, uint64_t number, const char *names);

/** Write "strategy" and "why" of the status' "reload" object.  (Its "last" is what was given to
 *  application_set_reload().) @param moved_why  why it is where it is; NULL: it was not moved */
void recycle_write_strategy(struct recycle *recycle, const struct application *application,
                            const char *moved_why, struct json_writer *json);
/** Write the status' "check": how many checks for stale extension state the application's
 *  interpreter has had, and how long they took. */
void recycle_write_check(struct recycle *recycle, const struct application *application,
                         struct json_writer *json);
/** Write the members of the status' "preload" object. */
void recycle_write_preload(struct recycle *recycle, const struct application *application,
                           struct json_writer *json);
/** Write the items of the status' "extensions". */
void recycle_write_extensions(struct recycle *recycle, const struct application *application,
                              struct json_writer *json);

#endif
