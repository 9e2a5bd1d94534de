/**
 * The pool: named interpreters, the applications that live in them, and their generations.
 *
 * A *named interpreter* lasts as long as the pool.  At any time one *generation* of that name runs:
 * a CPython sub-interpreter (or the main interpreter).  Each application has a bounded queue that
 * outlives generations, and in each generation threads of its own, which start in that interpreter
 * and end with it.
 *
 * Life cycle of a generation:
 *   1. pool_build()    loading: new interpreter, hooks->setup, hooks->load for each application
 *   2. pool_run()      (any number) checks on it, before it serves
 *   3. pool_publish()  serving: its threads take jobs; the generation before it starts draining
 *      or pool_discard(): ended, never served
 *   4. pool_retire()   draining → retired, or zombie when something in it cannot be stopped
 * A *spare* is step 1 up to the loading, done in advance: pool_spare_make().
 *
 * The pool never logs and knows no FastCGI; what happens is told through `struct pool_hooks`.
 * All functions may block: none may be called with an attached thread state unless it says so.
 *
 * Follows: CPython C API, "Sub-interpreter support" and "Non-Python created threads".
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/base/job.h"

struct pool;
struct pool_interpreter;
struct pool_app;
struct generation;

enum generation_state {
    GENERATION_LOADING,  /**< being built, or built and not yet published */
    GENERATION_SERVING,  /**< the current one */
    GENERATION_DRAINING, /**< replaced: finishes what it has */
    GENERATION_RETIRED,  /**< its interpreter has ended */
    GENERATION_FAILED,   /**< did not load; ended */
    GENERATION_ZOMBIE,   /**< cannot be ended safely: kept, never ended, counted */
};

enum pool_gil {
    POOL_GIL_SHARED, /**< the process's GIL */
    POOL_GIL_OWN,    /**< an isolated interpreter with its own GIL; CPython ≥ 3.13 only */
};

/** What an extension module said when it refused to be loaded. */
struct pool_refusal {
    const char *module, *file;
    const char *exception, *message; /**< "ImportError"; what it says */
};

/** Upward calls.  Each gets the `ctx` given here.  Hooks marked optional may be NULL. */
struct pool_hooks {
    void *ctx;
    /**
     * A fresh interpreter, nothing loaded yet: set paths, environment, streams.  Optional.
     * Called once in the main interpreter too, when a generation is first placed there.
     * @thread generation (its first)  @tstate attached
     * @return 0, or -1 with *err; a Python exception may be left set, the pool formats it
     */
    int (*setup)(void *ctx, struct generation *generation, struct error *err);
    /**
     * A spare has been set up: do what can be done before its applications are to be loaded.
     * Optional: without it there is nothing to prepare.
     * @return 0, or -1 with *err: the spare is ended
     * @thread generation (its first)  @tstate attached
     */
    int (*prepare)(void *ctx, struct generation *generation, struct error *err);
    /**
     * Load one application into this generation.
     * @param[out] ret_loaded  handed to each lease; released by `unload`
     * @return 0, or -1 with *err (ERR_PYTHON, or ERR_REFUSED when an extension refused; ERR_COLD
     *         when it would have loaded in another way in a generation that is no spare)
     * @thread generation (its first)  @tstate attached
     */
    int (*load)(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
                struct error *err);
    /**
     * All applications of this generation have loaded.  Optional.
     * @return 0, or -1 with *err, as for `load`
     * @thread generation (its first)  @tstate attached
     */
    int (*loaded)(void *ctx, struct generation *generation, struct error *err);
    /**
     * `load` or `loaded` has failed with something else than ERR_COLD, and the interpreter will be
     * ended.  Not called for the main one.  Optional.
     * @thread generation (its first)  @tstate attached
     */
    void (*load_failed)(void *ctx, struct generation *generation);
    /** Release what `load` returned. @thread generation (its first)  @tstate attached */
    void (*unload)(void *ctx, struct generation *generation, struct pool_app *app, void *loaded);
    /**
     * The interpreter's own atexit functions are about to run.  Optional.
     * @thread generation (its first)  @tstate attached
     */
    void (*retiring)(void *ctx, struct generation *generation);
    /**
     * May the interpreter be ended?  Called when only the generation's first thread is left.  After
     * `true` the GIL is held until the interpreter is gone.  After `false` the generation is a
     * zombie, and the hook is called again at the next retirement.  Optional.
     * @thread generation (its first)  @tstate attached
     */
    bool (*may_end)(void *ctx, struct generation *generation);
    /**
     * The interpreter ends when this returns.  Called by pool_retire_gated() only, after `may_end`
     * and with the GIL still held: the gate is closed, only the first thread is left.  Optional.
     * @thread generation (its first)  @tstate attached
     */
    void (*ending)(void *ctx, struct generation *generation);
    /** An extension module has refused to be loaded into a generation that serves or drains.
     *  Optional.  @thread of the application  @tstate attached */
    void (*refused)(void *ctx, struct generation *generation, const struct pool_refusal *refusal);
    /** The state changed. `why` is NULL or the reason. Optional. @thread any  @tstate none */
    void (*state_changed)(void *ctx, struct generation *generation, enum generation_state state,
                          const struct error *why);
};

struct pool_interpreter_options {
    const char *name; /**< copied */
    bool is_main;     /**< generations live in the main interpreter: there is only ever one */
    enum pool_gil gil;
    unsigned stop_threads_ms; /**< how long threads that the application started may take to end */
};

struct pool_app_options {
    const char *name;     /**< copied */
    unsigned threads;     /**< serving at a time, ≥ 1 */
    unsigned queue_limit; /**< jobs waiting beyond the threads; one more is ERR_BUSY */
    void *user;           /**< pool_app_user() */
};

/**
 * The pool of this process.  Python must have been started (runtime_start()).
 * @return the pool, or NULL with err->code ERR_MEMORY, ERR_SYSTEM
 * @owns the caller: pool_free()   @thread any (not a Python one)  @tstate none
 */
struct pool *pool_new(const struct pool_hooks *hooks, struct error *err);

/** Free a stopped pool.  NULL is fine. */
void pool_free(struct pool *pool);

/** Add a named interpreter; nothing is created yet. Errors: ERR_USAGE (gil), ERR_MEMORY */
int pool_add_interpreter(struct pool *pool, const struct pool_interpreter_options *options,
                         struct pool_interpreter **ret_interpreter, struct error *err);

/** Add an application to a named interpreter, before its first pool_build(). */
int pool_add_app(struct pool_interpreter *interpreter, const struct pool_app_options *options,
                 struct pool_app **ret_app, struct error *err);

/**
 * Take a named interpreter and its applications out of the pool: queued jobs are abandoned, its
 * generation is drained and ended (or left a zombie).  Used for scripts that are evicted.
 */
int pool_remove_interpreter(struct pool_interpreter *interpreter, unsigned drain_ms,
                            struct error *err);

/**
 * Create the next generation of a named interpreter and load its applications, beside the one
 * that serves.  Blocks until loaded or failed; the calling thread is not the one that loads.
 * A spare on offer is used; if it does not fit (ERR_COLD) it is ended and another one made.
 * @return 0, or -1: ERR_PYTHON, ERR_REFUSED, ERR_TIMEOUT (the load took too long: SystemExit is
 *         raised in it, and the generation is a zombie if it goes on), ERR_SYSTEM, ERR_BUSY
 *         (another one is being built), ERR_FAILED (the main interpreter has its only generation),
 *         ERR_EXHAUSTED (resources.h: nothing was begun)
 * @owns the pool; valid until pool_discard()/pool_retire() has returned
 */
int pool_build(struct pool_interpreter *interpreter, unsigned timeout_ms,
               struct generation **ret_generation, struct error *err);

/** What pool_run() and its like run. @tstate attached */
typedef int pool_run_function(void *arg, struct error *err);

/**
 * Run `function` attached to a generation's interpreter, on a thread made for it, and wait,
 * however long it takes.  Until then the generation is not ended.
 * @return what `function` returned (a Python exception it leaves set becomes ERR_PYTHON), or -1:
 *         ERR_SYSTEM, ERR_MEMORY, ERR_CLOSED (the generation is being ended)
 */
int pool_run(struct generation *generation, pool_run_function *function, void *arg,
             struct error *err);

/**
 * The same with a limit: after `timeout_ms` SystemExit is raised in `function`, again and again for
 * the interpreter's `stop_threads_ms`.
 * @return also ERR_TIMEOUT.  Then a `function` that blocks in C may still be running, and `arg`
 *         must stay valid: let `function` free it, or leak it; the generation will be a zombie.
 */
int pool_run_timed(struct generation *generation, unsigned timeout_ms, pool_run_function *function,
                   void *arg, struct error *err);

/**
 * The same, ended by `await` instead of a time: it is called with `arg` by the calling thread, and
 * returns true when `function`, as that has let it know, is about to return; false when it is to be
 * stopped.
 * @return as pool_run_timed(); the result of a `function` that was stopped is its own
 */
int pool_run_while(struct generation *generation, bool (*await)(void *arg),
                   pool_run_function *function, void *arg, struct error *err);

/**
 * Make a *spare*: the interpreter of a generation to come, set up and prepared (hooks->prepare), in
 * which no application is loaded.  Blocks until that is done.
 * @return 0, or -1: ERR_PYTHON, ERR_TIMEOUT, ERR_SYSTEM, ERR_MEMORY, ERR_EXHAUSTED, ERR_CLOSED (the
 *         pool stops), ERR_USAGE (a main interpreter), or what hooks->prepare returned
 * @owns the caller: pool_spare_offer(), or pool_discard()
 */
int pool_spare_make(struct pool_interpreter *interpreter, unsigned timeout_ms,
                    struct generation **ret_spare, struct error *err);
/** The next pool_build() of its interpreter takes this spare, and no other is on offer. */
void pool_spare_offer(struct generation *spare);
bool pool_has_spare(const struct pool_interpreter *interpreter);
/** Take back the spare on offer. @return the caller's, to be discarded; NULL: there is none */
struct generation *pool_spare_take(struct pool_interpreter *interpreter);

/** Make a built generation the current one: from now on its threads take the queued jobs. */
int pool_publish(struct generation *generation, struct error *err);

/** Wait until a generation has run a job to its end, or is being ended, at most `timeout_ms`.
 *  @pre the caller has a reference */
void pool_await_answer(struct generation *generation, unsigned timeout_ms);

/** End a built generation that never served. */
void pool_discard(struct generation *generation);

/** Keep a built generation that is never to serve, as it is: while other interpreters still load,
 *  what extensions hold of it must not be freed.  It ends with the pool, or with its interpreter.
 *  @owns taken over */
void pool_park(struct generation *generation);

/**
 * Wait until a draining generation's jobs are done, at most drain_ms; after that SystemExit is
 * raised in its threads.  Then end it by the protocol of docs/ARCHITECTURE.md.
 * @return GENERATION_RETIRED or GENERATION_ZOMBIE
 */
enum generation_state pool_retire(struct generation *generation, unsigned drain_ms);

/**
 * The same, but the gate of its interpreter is closed just before the end, so that no job starts
 * before the caller has made its checks.
 * @param[out] ret_gate_is_closed  true: the caller must call pool_gate_open()
 */
enum generation_state pool_retire_gated(struct generation *generation, unsigned drain_ms,
                                        bool *ret_gate_is_closed);

/**
 * The generation that `interpreter` serves from, or NULL. The pointer stays valid until that
 * generation was retired.
 */
struct generation *pool_current(struct pool_interpreter *interpreter);
/**
 * The same with a reference, for a caller that cannot prevent its retirement: the pointer stays
 * valid until generation_let_go().
 */
struct generation *pool_hold_current(struct pool_interpreter *interpreter);
/** Give a reference back; the last one frees the generation. @lock none of the pool's held */
void generation_let_go(struct generation *generation);

/**
 * Hold back the jobs of an interpreter's applications, and let them go on.  While the gate is
 * closed, jobs wait in their queues and none starts.  Calls nest.
 */
void pool_gate_close(struct pool_interpreter *interpreter);
void pool_gate_open(struct pool_interpreter *interpreter);

/**
 * The gate, which is closed, stays so: no job of these applications will start in this process.
 * Jobs wait for pool_take_waiting(), or are abandoned by pool_stop(), which does not wait for them.
 */
void pool_bar(struct pool_interpreter *interpreter);

/**
 * Before pool_stop(): take out the jobs that wait, in their order, for another process to run.
 * Applications that are barred take no more from now on (ERR_CLOSED).
 * @param barred_only  take only jobs that no thread will ever run
 * @return linked by `next`, and the caller's again; NULL: none
 */
struct job *pool_take_waiting(struct pool *pool, bool barred_only);
/** The same of one interpreter's applications. */
struct job *pool_take_waiting_of(struct pool_interpreter *interpreter);

/**
 * Hand over a job.  It waits while the application loads or its gate is closed.
 * Never blocks on Python.  Jobs handed over between pool_batch_begin() and pool_batch_end() of
 * one thread wake serving threads at the end only.
 * @return 0, or -1 with the job still the caller's: ERR_BUSY (queue full), ERR_FAILED (the
 *         application did not load), ERR_CLOSED (the pool stops)
 * @thread any, without an attached thread state
 */
int pool_submit(struct pool_app *app, struct job *job, struct error *err);
void pool_batch_begin(void);
void pool_batch_end(void);
/** Wake what waits for the end of the batch now: before an interpreter is removed by another
 *  thread, whose queues the batch may have. */
void pool_batch_flush(void);

/**
 * The job that a thread of `generation` runs is answered, but the thread does not come back from
 * it: nothing waits for that job any more before the generation is ended.
 * @param thread_ident  lease->thread_ident
 * @pre the job has not ended, and does not before this returns  @thread any  @tstate none
 */
void pool_give_up_job(struct generation *generation, unsigned long thread_ident);

/** The job that the calling thread runs is not counted as one that ran: it is to run once more,
 * here
 *  or elsewhere. @param lease  the job's  @thread serving  @tstate any */
void pool_uncount_job(const struct lease *lease);

/**
 * Mark an application failed (pool_submit() then answers ERR_FAILED, waiting jobs are abandoned),
 * or, with `why` NULL, as loading (jobs wait).
 */
void pool_app_set_failed(struct pool_app *app, const struct error *why);

/**
 * Stop: take no more jobs, let queued ones run, wait at most `drain_ms` for all of them, then end
 * every sub-interpreter (on_retire, atexit).  An interpreter that cannot be ended is left behind.
 * @return 0 when every job ran and every interpreter ended, else 1
 */
int pool_stop(struct pool *pool, unsigned drain_ms);

/** A consistent copy of the counters. */
struct pool_app_stats {
    uint64_t requests; /**< jobs that ran to their end, over all generations */
    uint64_t rejected; /**< ERR_BUSY answers */
    unsigned in_flight, queued;
};
void pool_app_stats(struct pool_app *app, struct pool_app_stats *ret_stats);
unsigned pool_zombies(const struct pool *pool);
/** Keep why a generation is a zombie, for pool_each_zombie(). @thread any  @tstate none */
void generation_explain(struct generation *generation, const char *why);
/** Visit each zombie, with the pool locked. @param visit  must not call the pool */
void pool_each_zombie(struct pool *pool,
                      void (*visit)(void *ctx, const struct generation *generation,
                                    const char *why),
                      void *ctx);

/** 1 for the first generation of a named interpreter. */
uint64_t generation_number(const struct generation *generation);
/** Whether it is a spare that pool_build() has not taken. */
bool generation_is_spare(const struct generation *generation);
enum generation_state generation_state(const struct generation *generation);
struct pool_interpreter *generation_interpreter(const struct generation *generation);
/** What the load hook returned for an application in this generation; NULL: not loaded. */
void *generation_loaded(const struct generation *generation, const struct pool_app *app);
/** How long it took to load, without what other threads of the process computed meanwhile. */
double generation_load_ms(const struct generation *generation);
/**
 * The extension modules that refused to be loaded into this generation (main_first.h), in the
 * order of their refusals; some may come while it serves.  The load may have succeeded
 * nevertheless, if the application caught the exception.
 * @param[out] ret_refusal  its strings are owned by the generation
 * @return whether there is an `index`-th one
 */
bool generation_refusal(const struct generation *generation, size_t index,
                        struct pool_refusal *ret_refusal);
/** Copy the file of the first extension module that refused in the newest generation in which one
 *  did, though its load may have failed of that; "": none has refused. @thread any  @tstate any */
void pool_interpreter_refused_file(struct pool_interpreter *interpreter, char *ret_file,
                                   size_t file_bytes);
/** The PyInterpreterState, for the stale state check; NULL once it has ended. @tstate any */
void *generation_interpreter_state(const struct generation *generation);

const char *pool_interpreter_name(const struct pool_interpreter *interpreter);
bool pool_interpreter_is_main(const struct pool_interpreter *interpreter);
/** Its applications, in the order they were added (none is added after the first pool_build()). */
size_t pool_interpreter_app_count(const struct pool_interpreter *interpreter);
struct pool_app *pool_interpreter_app(const struct pool_interpreter *interpreter, size_t index);
const char *pool_app_name(const struct pool_app *app);
void *pool_app_user(const struct pool_app *app);
struct pool_interpreter *pool_app_interpreter(const struct pool_app *app);

#endif
