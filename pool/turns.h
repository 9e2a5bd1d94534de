/**
 * Turns for the GIL between threads that serve and a thread that loads a generation beside them.
 *
 * An import releases the GIL for each file that it looks for: thousands of times.  Each time it
 * waits for the GIL again behind all serving threads, and while requests keep coming it makes
 * hardly any progress: an import of 0.2 s took half a minute.  While one thread loads and others
 * serve:
 *
 *  - threads take turns every millisecond instead of every 5 (sys.setswitchinterval()), so that
 *    the loading thread need not wait for a long computation either;
 *  - requests get half of the time.  Time is measured in *windows* of some milliseconds.  When
 *    requests have used more than their half of a window, no job begins for as long.
 *
 * The loading thread may also wait for something else than the GIL, a database for example.  Its
 * CPU time shows that; then requests are limited only in a short trial now and again.
 *
 * Interpreters with a GIL of their own neither take turns nor are waited for.
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
    atomic_uint loads;           /**< under way, beside threads that serve */
    unsigned switch_interval_us; /**< before the first of these loads; guarded by the GIL */
    pthread_mutex_t lock;
    pthread_cond_t ended; /**< a load has ended */
    /* Guarded by lock: */
    clockid_t loader_clock; /**< CPU time of the thread that began to load last */
    uint64_t window_ns;     /**< start of the current window */
    uint64_t loader_ns;     /**< the loading thread's CPU time at that start */
    uint64_t served_ns;     /**< CPU time of requests since, plus their overrun carried over */
    uint64_t rest_until_ns; /**< no job begins before this time */
    unsigned unlimited;     /**< windows left without a limit for requests */
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
