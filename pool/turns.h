/**
 * Turns for the GIL between threads that serve and a thread that loads a generation beside them.
 *
 * An import releases the GIL for each file that it looks for: thousands of times.  Each time it
 * waits for its turn again, behind all that serve, and where requests keep coming it hardly gets
 * on: an import of 0.2 s took half a minute.  So while something loads and others serve,
 *
 *  - threads take turns every millisecond instead of every 5 (sys.setswitchinterval()): a long
 *    computation does not stand in the way either;
 *  - requests get half of the time, in turn: after some milliseconds of them the serving threads
 *    let the jobs in hand wait, detached, for as long.
 *
 * The loading thread may also wait for something else than the GIL, a database for example.  Its
 * CPU time tells; requests are not held up then, but for a short trial now and again.
 *
 * Interpreters with a GIL of their own are no concern of others.
 *
 * @thread any; several loads may be under way
 */
#ifndef POOL_TURNS_H
#define POOL_TURNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct generation;
struct serving_thread;

struct turns {
    atomic_uint loads;           /**< under way, beside others that serve */
    unsigned switch_interval_us; /**< before the first of them; guarded by the GIL */
    pthread_mutex_t lock;
    pthread_cond_t ended; /**< the last load */
    /* Guarded by lock: */
    clockid_t loader_clock; /**< CPU time of the thread that began to load last */
    uint64_t window_ns;     /**< when the present moment began … */
    uint64_t loader_ns;     /**< … the loading thread's CPU time then … */
    uint64_t served_ns; /**< … CPU time of requests since, and what they had too much before */
    uint64_t rest_until_ns; /**< no job begins before */
    unsigned unlimited;     /**< moments that are left without a limit */
};

/** @return 0, or an errno */
int turns_init(struct turns *turns);
void turns_destroy(struct turns *turns);

/** The home thread begins to run the applications' code. @tstate attached */
void turns_load_begin(struct generation *generation);
void turns_load_end(struct generation *generation);

/**
 * A job is about to be run: wait for its turn.
 * @return for turns_job_end()
 * @tstate attached; detaches while it waits
 */
uint64_t turns_job_begin(struct serving_thread *thread);
void turns_job_end(struct serving_thread *thread, uint64_t begun);

#endif
