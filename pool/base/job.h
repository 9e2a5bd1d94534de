/**
 * A job: what the pool runs on a thread of a generation, without knowing what it does.
 *
 * Life cycle: 1. the owner fills `run` and `abandon`; 2. pool_submit() takes it over; 3. exactly
 * one of `run` or `abandon` is called, once, and the job is the owner's again from the start of
 * that call (it may free it there).
 */
#ifndef POOL_BASE_JOB_H
#define POOL_BASE_JOB_H

#include <stdint.h>

struct generation;
struct pool_app;

/**
 * The right to run code of one generation, held for one job by one thread.
 * A generation is not ended before its last lease is given back.
 */
struct lease {
    struct generation *generation;
    struct pool_app *app;
    void *loaded;               /**< what the load hook returned for this app in this generation */
    unsigned thread_index;      /**< 0 … threads-1 within the app's threads of this generation */
    unsigned long thread_ident; /**< CPython's id of this thread, for PyThreadState_SetAsyncExc() */
    /** How long this thread waited for the GIL before this job, since it was woken for it. */
    uint64_t gil_wait_ns;
};

struct job {
    struct job *next; /**< the queue's while the job waits */
    /** Do it. @thread generation  @tstate attached on entry and on return; may detach between */
    void (*run)(struct job *job, const struct lease *lease);
    /** It will never run: the application failed or is stopping. @thread any  @tstate none */
    void (*abandon)(struct job *job);
};

#endif
