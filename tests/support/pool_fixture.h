/**
 * A pool whose applications are pieces of Python text, for tests.
 *
 * An application is loaded by running its text as a module; a job calls a function of it and keeps
 * what str() makes of the result.  Everything asserts: a failure ends the test (by abort()).
 */
#ifndef TESTS_SUPPORT_POOL_FIXTURE_H
#define TESTS_SUPPORT_POOL_FIXTURE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "pool/pool.h"

enum { FIXTURE_STOP_THREADS_MS = 1000, FIXTURE_BUILD_MS = 20000 };

/** How often each state was reached, by any generation. */
extern atomic_uint fixture_states[GENERATION_ZOMBIE + 1];
/** Text run in every new interpreter by the setup hook, if set. */
extern const char *fixture_setup;
/** Text run in every spare by the prepare hook; there is none without it. */
extern const char *fixture_prepare;
/** Why spares do not load (ERR_COLD), if set. */
extern const char *fixture_cold;
/** Text run by the retiring hook, in a namespace of its own, if set. */
extern const char *fixture_retiring;

/** The pool's may_end hook, if set. */
extern bool (*fixture_may_end)(void *ctx, struct generation *generation);

/** Start Python and a pool. */
struct pool *fixture_start(void);

/** An application in an interpreter of its own; its text is read anew at each load. */
struct pool_app *fixture_app(struct pool *pool, const char *name, const char **source,
                             unsigned threads, unsigned queue_limit);
/** An application in a given interpreter. */
struct pool_app *fixture_app_in(struct pool_interpreter *interpreter, const char *name,
                                const char **source, unsigned threads, unsigned queue_limit);
struct pool_interpreter *fixture_interpreter(struct pool *pool, const char *name, bool is_main,
                                             enum pool_gil gil);

/** Build and publish; retire the one before. @return the new one */
struct generation *fixture_reload(struct pool_app *app);
struct generation *fixture_build(struct pool_app *app);

struct fixture_job {
    struct job job;
    const char *function; /**< of the application; without arguments */
    char result[1024];
    bool has_run, was_abandoned;
    uint64_t generation;
    unsigned thread_index;
    unsigned long thread_ident;
    sem_t done;
};
void fixture_job_init(struct fixture_job *job, const char *function);
void fixture_job_wait(struct fixture_job *job);
/** Wait until so many jobs of an application have a thread. */
void fixture_await_in_flight(struct pool_app *app, unsigned count);
/** Submit a job and wait for it. @return its result, valid until the next call on this thread */
const char *fixture_call(struct pool_app *app, const char *function);

/** Evaluate an expression in a generation by pool_run(). @return its str(), as fixture_call() */
const char *fixture_eval(struct generation *generation, const char *expression);
/** Run statements likewise. @return 0, or -1 with *err */
int fixture_exec(struct generation *generation, const char *statements, struct error *err);
int fixture_exec_timed(struct generation *generation, unsigned timeout_ms, const char *statements,
                       struct error *err);

#endif
