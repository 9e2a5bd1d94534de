#include "pool/pool_internal.h"

#include <errno.h>

/** Whether the host's threads have left the interpreter, except the home thread. */
static bool is_drained_locked(const struct generation *generation) {
    return generation->phase != HOME_LOADING && generation->phase != HOME_SERVING;
}

/** The same, or only threads are left that do not come back (pool_give_up_job()). */
static bool is_drained_as_far_as_possible_locked(const struct generation *generation) {
    bool has_given_up = false, has_other = generation->runners != NULL;
    for (size_t i = 0; i < generation->thread_count; i++) {
        struct queue_thread *thread = &generation->threads[i].waiting;
        bool is_given_up = queue_thread_is_given_up(thread);
        has_given_up |= is_given_up;
        has_other |= !is_given_up && queue_thread_is_busy(thread);
    }
    return is_drained_locked(generation) || (has_given_up && !has_other);
}

static bool is_over_locked(const struct generation *generation) {
    return generation->phase == HOME_GONE || generation->phase == HOME_PARKED;
}

/** Wait until `is_true` or the deadline. @return whether it is true */
static bool wait_until(struct generation *generation,
                       bool (*is_true)(const struct generation *generation),
                       const struct timespec *deadline) {
    struct pool *pool = generation->interpreter->pool;
    int failure = 0;
    pthread_mutex_lock(&pool->lock);
    while (!is_true(generation) && failure != ETIMEDOUT) {
        failure = pthread_cond_timedwait(&pool->changed, &pool->lock, deadline);
    }
    bool result = is_true(generation);
    pthread_mutex_unlock(&pool->lock);
    return result;
}

static bool wait_for_ms(struct generation *generation,
                        bool (*is_true)(const struct generation *generation), unsigned ms) {
    struct timespec deadline = clock_deadline(ms);
    return wait_until(generation, is_true, &deadline);
}

static bool has_answered_or_leaves(const struct generation *generation) {
    return atomic_load(&generation->has_answered) || generation->is_leaving;
}

void pool_await_answer(struct generation *generation, unsigned timeout_ms) {
    wait_for_ms(generation, has_answered_or_leaves, timeout_ms);
}

void pool_give_up_job(struct generation *generation, unsigned long thread_ident) {
    struct pool *pool = generation->interpreter->pool;
    for (size_t i = 0; i < generation->thread_count; i++) {
        struct serving_thread *thread = &generation->threads[i];
        if (queue_thread_is_busy(&thread->waiting) && thread->lease.thread_ident == thread_ident) {
            queue_thread_give_up(&thread->waiting);
        }
    }
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

void retirement_begin(struct generation *generation) {
    struct pool_interpreter *interpreter = generation->interpreter;
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_serving = generation->state == GENERATION_SERVING;
    if (interpreter->current == generation) {
        interpreter->current = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_serving) { /* before the home thread is let go: it sets what follows */
        generation_set_state(generation, GENERATION_DRAINING, NULL);
    }
    pthread_mutex_lock(&pool->lock);
    generation->is_leaving = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    serving_threads_dismiss(generation);
}

/**
 * Wait for each step, first patiently, then with SystemExit, and never longer than
 * 3 * stop_threads_ms beyond the drain deadline.  @return whether the home thread is done
 */
static bool wait_for_end(struct generation *generation, const struct timespec *drain_deadline) {
    unsigned stop_ms = generation->interpreter->options.stop_threads_ms;
    wait_until(generation, is_drained_as_far_as_possible_locked, drain_deadline);
    if (!wait_for_ms(generation, is_drained_locked, 0)) {
        interrupter_start(generation, INTERRUPT_JOBS | INTERRUPT_RUNNERS);
        bool is_drained = wait_for_ms(generation, is_drained_locked, stop_ms / 2);
        if (!is_drained) { /* a job may be joining a thread of the application */
            interrupter_start(generation, INTERRUPT_REST);
            is_drained = wait_for_ms(generation, is_drained_locked, stop_ms - stop_ms / 2);
        }
        interrupter_stop(generation, INTERRUPT_JOBS | INTERRUPT_RUNNERS | INTERRUPT_REST);
        if (!is_drained) {
            return false;
        }
    }
    /* Exit functions may take long, and may wait for threads that never end. */
    if (wait_for_ms(generation, is_over_locked, stop_ms)) {
        return true;
    }
    interrupter_start(generation, INTERRUPT_HOME | INTERRUPT_REST);
    /* The home thread's own limit for stragglers is stop_ms: it has a little more to say so. */
    bool is_over = wait_for_ms(generation, is_over_locked, stop_ms + stop_ms / 4 + 100);
    interrupter_stop(generation, INTERRUPT_HOME | INTERRUPT_REST);
    return is_over;
}

enum generation_state retirement_finish(struct generation *generation,
                                        const struct timespec *drain_deadline) {
    if (!wait_for_end(generation, drain_deadline)) {
        generation_give_up(generation);
    }
    enum generation_state state = generation_state(generation);
    generation_let_go(generation);
    return state;
}

enum generation_state pool_retire(struct generation *generation, unsigned drain_ms) {
    struct timespec drain_deadline = clock_deadline(drain_ms);
    retirement_retry_zombies(generation->interpreter->pool);
    retirement_begin(generation);
    return retirement_finish(generation, &drain_deadline);
}

static bool set_gate_wanted(struct generation *generation, bool is_wanted) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->is_gate_wanted = is_wanted;
    bool has_closed = generation->has_closed_gate;
    pthread_mutex_unlock(&pool->lock);
    return has_closed;
}

enum generation_state pool_retire_gated(struct generation *generation, unsigned drain_ms,
                                        bool *ret_gate_is_closed) {
    struct timespec drain_deadline = clock_deadline(drain_ms);
    retirement_retry_zombies(generation->interpreter->pool);
    set_gate_wanted(generation, true);
    retirement_begin(generation);
    if (!wait_for_end(generation, &drain_deadline)) {
        generation_give_up(generation);
    }
    /* From here on it does not close the gate any more, should it end after all. */
    *ret_gate_is_closed = set_gate_wanted(generation, false);
    enum generation_state state = generation_state(generation);
    generation_let_go(generation);
    return state;
}

void pool_discard(struct generation *generation) {
    pool_retire(generation, 0);
}

void pool_park(struct generation *generation) {
    struct pool_interpreter *interpreter = generation->interpreter;
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *before = interpreter->parked;
    bool is_too_late = pool->is_stopping || interpreter->is_removed;
    if (!is_too_late) {
        interpreter->parked = generation;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_too_late) {
        pool_discard(generation);
    } else if (before) {
        pool_discard(before);
    }
}

struct generation *retirement_take_parked(struct pool_interpreter *interpreter) {
    struct pool *pool = interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    struct generation *parked = interpreter->parked;
    interpreter->parked = NULL;
    pthread_mutex_unlock(&pool->lock);
    return parked;
}

void retirement_retry_zombies(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    for (struct generation *at = pool->generations; at; at = at->next) {
        at->is_retry_wanted |= at->phase == HOME_PARKED;
    }
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}
