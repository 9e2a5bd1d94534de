#include "pool/pool_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "pool/base/thread.h"
#include "pool/python/attach.h"
#include "pool/python/py_error.h"

static void unlink_locked(struct runner *runner) {
    struct runner **at = &runner->generation->runners;
    while (*at != runner) {
        at = &(*at)->next;
    }
    *at = runner->next;
}

/** @return 0, or -1 with runner->error */
static int run_attached(struct runner *runner) {
    struct generation *generation = runner->generation;
    struct pool *pool = generation->interpreter->pool;
    PyThreadState *tstate = PyThreadState_New(generation->python);
    if (!tstate) {
        return error_set(&runner->error, ERR_MEMORY, "no thread state");
    }
    pthread_mutex_lock(&pool->lock);
    runner->ident = PyThread_get_thread_ident();
    pthread_mutex_unlock(&pool->lock);
    attach_begin(tstate);
    int rc = runner->function(runner->arg, &runner->error);
    if (PyErr_Occurred()) {
        rc = py_error_take(&runner->error);
    }
    attach_end_and_delete(tstate);
    return rc;
}

static void *runner_main(void *arg) {
    struct runner *runner = arg;
    struct generation *generation = runner->generation;
    struct pool *pool = generation->interpreter->pool;
    runner->result = run_attached(runner);
    pthread_mutex_lock(&pool->lock);
    unlink_locked(runner);
    runner->is_done = true;
    bool is_abandoned = runner->is_abandoned;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (is_abandoned) {
        free(runner);
    }
    generation_let_go(generation);
    return NULL;
}

/** @return the runner, listed with its generation and holding a reference; or NULL */
static struct runner *begin_run(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    struct runner *runner = calloc(1, sizeof *runner);
    if (!runner) {
        error_set(err, ERR_MEMORY, "no memory to run a function");
        return NULL;
    }
    runner->generation = generation;
    pthread_mutex_lock(&pool->lock);
    bool is_there = generation->is_built || generation->is_prepared;
    bool is_open = is_there && !generation->is_leaving && generation->python;
    if (is_open) {
        runner->next = generation->runners;
        generation->runners = runner;
        generation_hold_locked(generation);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!is_open) {
        error_set(err, ERR_CLOSED, "this generation is being ended");
        free(runner);
        return NULL;
    }
    return runner;
}

/** @return whether it is done  @param timeout_ms 0: no limit */
static bool wait_done(struct runner *runner, unsigned timeout_ms) {
    struct pool *pool = runner->generation->interpreter->pool;
    struct timespec deadline = clock_deadline(timeout_ms);
    int failure = 0;
    pthread_mutex_lock(&pool->lock);
    while (!runner->is_done && failure != ETIMEDOUT) {
        failure = timeout_ms ? pthread_cond_timedwait(&pool->changed, &pool->lock, &deadline)
                             : pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool is_done = runner->is_done;
    pthread_mutex_unlock(&pool->lock);
    return is_done;
}

/** Stop waiting for it. @return false when it was done just now */
static bool abandon_run(struct runner *runner) {
    struct pool *pool = runner->generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    runner->is_abandoned = !runner->is_done;
    bool is_abandoned = runner->is_abandoned;
    pthread_mutex_unlock(&pool->lock);
    return is_abandoned;
}

/** Raise SystemExit in it for a while. @return false: it goes on all the same */
static bool stop_run(struct runner *runner) {
    struct generation *generation = runner->generation;
    struct pool *pool = generation->interpreter->pool;
    unsigned stop_ms = generation->interpreter->options.stop_threads_ms;
    bool is_needed = false;
    pthread_mutex_lock(&pool->lock);
    runner->is_overdue = true;
    pthread_mutex_unlock(&pool->lock);
    interrupter_start(generation, INTERRUPT_OVERDUE);
    bool is_done = wait_done(runner, stop_ms ? stop_ms : 1);
    pthread_mutex_lock(&pool->lock);
    runner->is_overdue = false;
    for (struct runner *other = generation->runners; other; other = other->next) {
        is_needed |= other->is_overdue;
    }
    if (!is_needed) {
        interrupter_stop_locked(generation, INTERRUPT_OVERDUE);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_done || !abandon_run(runner);
}

/** Start a thread for it. @return the runner, or NULL */
static struct runner *start_run(struct generation *generation, const char *thread_name,
                                pool_run_function *function, void *arg, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    struct runner *runner = begin_run(generation, err);
    if (!runner) {
        return NULL;
    }
    runner->function = function;
    runner->arg = arg;
    if (thread_start(runner_main, runner, thread_name, err) == 0) {
        return runner;
    }
    pthread_mutex_lock(&pool->lock);
    unlink_locked(runner);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    generation_let_go(generation);
    free(runner);
    return NULL;
}

/** Take the result of a run that is done. */
static int take_result(struct runner *runner, struct error *err) {
    int rc = runner->result;
    if (rc != 0 && err) {
        *err = runner->error;
    }
    free(runner);
    return rc;
}

int pool_run_timed(struct generation *generation, unsigned timeout_ms, pool_run_function *function,
                   void *arg, struct error *err) {
    struct runner *runner = start_run(generation, "check", function, arg, err);
    if (!runner) {
        return -1;
    }
    if (wait_done(runner, timeout_ms)) {
        return take_result(runner, err);
    }
    bool is_stopped = stop_run(runner);
    if (is_stopped) {
        take_result(runner, NULL);
    }
    return error_set(err, ERR_TIMEOUT, "it took longer than %u ms%s", timeout_ms,
                     is_stopped ? "" : " and cannot be stopped");
}

int pool_run_while(struct generation *generation, bool (*await)(void *arg),
                   pool_run_function *function, void *arg, struct error *err) {
    struct runner *runner = start_run(generation, "run", function, arg, err);
    if (!runner) {
        return -1;
    }
    bool is_stopped = await(arg) ? wait_done(runner, 0) : stop_run(runner);
    return is_stopped ? take_result(runner, err)
                      : error_set(err, ERR_TIMEOUT, "it cannot be stopped");
}

int pool_run(struct generation *generation, pool_run_function *function, void *arg,
             struct error *err) {
    return pool_run_timed(generation, 0, function, arg, err);
}
