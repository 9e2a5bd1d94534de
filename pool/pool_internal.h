/**
 * The pool's own structures, for the files of this layer only (pool.h is for the others).
 *
 * Locks, outermost first; a thread that holds one may only take those that follow:
 *   1. the GIL (being attached)   never waited for, by attaching, with a C lock held
 *   2. pool->lock                 interpreters, generations, their states and threads
 *   3. queue->lock                one for each application (queue.h)
 * So a C lock may be taken while attached, for a few instructions; no hook is called, no Python
 * runs and nothing is allocated from Python with one held.  `pool->changed` is broadcast after each
 * change under pool->lock that a thread may be waiting for.
 */
#ifndef POOL_POOL_INTERNAL_H
#define POOL_POOL_INTERNAL_H

#include "pool/python/py_compat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/base/clock.h"
#include "pool/pool.h"
#include "pool/python/main_first.h"
#include "pool/queue.h"
#include "pool/turns.h"

struct pool {
    struct pool_hooks hooks;
    struct turns turns;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Guarded by lock: */
    struct pool_interpreter *interpreters;
    struct generation *generations; /**< all that have not been freed */
    unsigned zombies;
    bool is_stopping;
    bool is_main_set_up;
};

struct pool_interpreter {
    struct pool *pool;
    struct pool_interpreter *next;
    char *name;
    struct pool_interpreter_options options;
    /* Guarded by pool->lock: */
    struct pool_app **apps; /**< in the order they were added; fixed at the first pool_build() */
    size_t app_count;
    struct generation *current;
    struct generation *spare;  /**< on offer; NULL: none */
    struct generation *parked; /**< pool_park(); NULL: none */
    uint64_t generations_made;
    unsigned gate;
    bool is_building;
    bool is_removed;
    bool is_barred;     /**< the gate stays closed: none of its jobs will start in this process */
    char *refused_file; /**< pool_interpreter_refused_file(); NULL: none */
};

struct pool_app {
    struct pool_interpreter *interpreter;
    char *name;
    struct pool_app_options options;
    struct queue queue;
    struct error *failure; /**< guarded by pool->lock; why queue_push() answers ERR_FAILED */
};

/** A serving thread of a generation. */
struct serving_thread {
    struct queue_thread waiting; /**< first: cast back from the queue's view of the thread */
    struct generation *generation;
    struct lease lease;
    PyThreadState *tstate;
};

/** An application as loaded in a generation. */
struct loaded_app {
    struct pool_app *app;
    void *loaded; /**< what the load hook returned */
    bool is_loaded;
    struct queue_thread **crew; /**< one for each thread */
};

struct refusal; /* generation.c */

/** A thread of pool_run(). */
struct runner {
    struct runner *next; /**< among generation->runners */
    struct generation *generation;
    unsigned long ident; /**< 0 until it has started */
    pool_run_function *function;
    void *arg;
    int result;
    bool is_done;
    bool is_overdue;   /**< INTERRUPT_OVERDUE is meant for it */
    bool is_abandoned; /**< no caller waits any more: runner_main() frees it */
    struct error error;
};

/** Where the home thread of a generation is. */
enum home_phase {
    HOME_LOADING, /**< a spare also while it is prepared, and until it is to load */
    HOME_SERVING, /**< as a serving thread; then waiting for the others to leave */
    HOME_ENDING,  /**< runs the ending protocol */
    HOME_PARKED,  /**< the interpreter cannot be ended now; waits for is_retry_wanted */
    HOME_GONE,
};

/** The threads that interrupter_start() raises SystemExit in. */
enum interrupt_target {
    INTERRUPT_HOME = 1,     /**< the home thread, while it runs code of an application */
    INTERRUPT_JOBS = 2,     /**< serving threads with a job, home's too */
    INTERRUPT_RUNNERS = 4,  /**< threads of pool_run() */
    INTERRUPT_REST = 8,     /**< all but the home thread: the application's own, too */
    INTERRUPT_OVERDUE = 16, /**< threads of pool_run() whose time is over */
};

struct generation {
    struct pool_interpreter *interpreter;
    uint64_t number;
    struct refusal_sink sink;
    struct serving_thread *threads; /**< all applications' together; [0] is the home thread's */
    size_t thread_count;
    struct loaded_app *apps;
    size_t app_count;
    unsigned long home_ident;
    PyThreadState *home_tstate;
    double load_ms;
    atomic_bool has_answered; /**< a job of it has ended; set once */
    bool takes_turns;         /**< turns_load_begin() … turns_load_end(): the home thread's */

    /* Guarded by pool->lock: */
    struct generation *next; /**< in pool->generations */
    bool is_spare;           /**< made by pool_spare_make(), not taken by pool_build() yet */
    bool is_prepared;        /**< a spare: preparing is over; build_error tells how */
    unsigned references;     /**< its owner (pool_build()'s caller) and each of its threads */
    enum generation_state state;
    enum home_phase phase;
    PyInterpreterState *python; /**< NULL before it was created and after it has ended */
    bool is_built;              /**< loading is over; build_error tells how */
    bool is_too_late;           /**< pool_build() or pool_spare_make() gave up on it */
    bool is_leaving;            /**< pool_retire(): end it when its threads are done */
    bool is_retry_wanted;       /**< HOME_PARKED: try again */
    bool is_gate_wanted;        /**< pool_retire_gated(): close the gate just before the end */
    bool has_closed_gate;       /**< and that has been done */
    bool is_app_code;           /**< the home thread may be interrupted; changed while attached */
    bool is_interrupter_alive;
    bool is_interrupter_forbidden; /**< the interpreter is about to end */
    unsigned interrupt_targets;    /**< 0: the interrupter shall go */
    unsigned threads_alive;        /**< without the home thread */
    unsigned threads_ready;
    struct runner *runners;
    struct refusal *refusals, **refusals_tail;
    struct error build_error;
    char kept_why[1024]; /**< of a zombie: what generation_explain() was told */
};

/* ---- pool.c, submit.c ---- */

void pool_gate_close_locked(struct pool_interpreter *interpreter);
void pool_interpreter_free(struct pool_interpreter *interpreter);
/** Take no more jobs (ERR_CLOSED), abandon those that wait. */
void pool_app_abandon(struct pool_app *app);

/* ---- generation.c ---- */

/** @return a new GENERATION_LOADING with one reference, listed, and without a number; or NULL:
 *  ERR_MEMORY, ERR_SYSTEM  @lock pool->lock held */
struct generation *generation_new_locked(struct pool_interpreter *interpreter, struct error *err);
/** Take a reference; generation_let_go() (pool.h) gives it back. @lock pool->lock held */
void generation_hold_locked(struct generation *generation);
/** Change the state, count zombies, tell the hook. @tstate none; pool->lock must not be held */
void generation_set_state(struct generation *generation, enum generation_state state,
                          const struct error *why);

/** Make it a zombie, unless it has ended just now. */
void generation_give_up(struct generation *generation);

/* ---- lifecycle.c, spare.c ---- */

/**
 * Wait until `is_done`, at most for `timeout_ms` (0: no limit), then for as long as SystemExit may
 * take.
 * @lock `is_done` is called with pool->lock held
 * @return 0 when the generation goes on; else -1, `err` says why: it is ending, and the owner's
 *         reference is given back
 */
int generation_await(struct generation *generation,
                     bool (*is_done)(const struct generation *generation), unsigned timeout_ms,
                     struct error *err);
/** Wait, as the home thread of a spare, until it is to load or to end.
 *  @param failure  why it cannot be used; NULL: it can  @return whether to load */
bool spare_wait(struct generation *generation, const struct error *failure);

/* ---- home.c, home_end.c, serving_thread.c: threads ---- */

/** Start the home thread, which loads and, once told to, ends. It takes a reference. */
int home_start(struct generation *generation, struct error *err);
/** Note whether the home thread runs code of an application: only that is interrupted.
 *  @tstate attached */
void home_set_app_code(struct generation *generation, bool is_app_code);
void home_set_phase(struct generation *generation, enum home_phase phase);
/**
 * The ending protocol, however long it takes.  After a failed load in the main interpreter, which
 * the next load uses again, no exit functions are run: executors would take no more work.
 * @tstate none; the caller is the home thread
 */
void home_end(struct generation *generation, bool has_served);
/** Serve until dismissed. @tstate none; thread->tstate is attached for each job */
void serving_thread_serve(struct serving_thread *thread);
/** Start the first thread of each application, except the home thread's; wait for them. */
int serving_threads_start(struct generation *generation, struct error *err);
/** Dismiss the serving threads of a generation that is not published. */
void serving_threads_dismiss(struct generation *generation);

/* ---- interrupter.c ---- */

/** Raise SystemExit in `targets`, too, again and again until interrupter_stop(). */
void interrupter_start(struct generation *generation, unsigned targets);
void interrupter_stop(struct generation *generation, unsigned targets);
/** @lock pool->lock held */
void interrupter_stop_locked(struct generation *generation, unsigned targets);
/** Stop it for good and wait until its thread state is gone. @tstate none */
void interrupter_join(struct generation *generation);

/* ---- retirement.c ---- */

/** A generation takes no more jobs, its threads leave, its home thread ends it. */
void retirement_begin(struct generation *generation);
/** Wait for it: RETIRED, FAILED or ZOMBIE. Gives the owner's reference back. */
enum generation_state retirement_finish(struct generation *generation,
                                        const struct timespec *drain_deadline);
/** Ask parked home threads to try again. */
void retirement_retry_zombies(struct pool *pool);
/** @return what was given to pool_park(), the caller's to discard; NULL: nothing */
struct generation *retirement_take_parked(struct pool_interpreter *interpreter);

#endif
