#include "pool/turns.h"

#include "pool/base/clock.h"
#include "pool/pool_internal.h"
#include "pool/python/attach.h"
#include "pool/python/interpreter.h"

enum { SWITCH_INTERVAL_US = 1000 };
/** A window is long beside a request and short beside a load. */
enum { WINDOW_NS = 20 * 1000 * 1000 };
/** Requests may overrun their half by so much before they rest.  The loading thread's turn is as
 *  long, and in that time no serving thread competes with it for the GIL. */
enum { BURST_NS = 2 * 1000 * 1000 };
/** A loading thread that uses less of a window, half of which is free for it, does not want more.
 */
enum { HUNGRY_NS = WINDOW_NS / 10 };
/** Windows without a limit before the next trial. */
enum { UNLIMITED_WINDOWS = 5 };
/** A larger overrun is not carried over: one request may be a long computation. */
enum { DEBT_NS_MAX = 5 * WINDOW_NS };

int turns_init(struct turns *turns) {
    return clock_lock_init(&turns->lock, &turns->ended);
}

void turns_destroy(struct turns *turns) {
    pthread_cond_destroy(&turns->ended);
    pthread_mutex_destroy(&turns->lock);
}

static bool has_own_gil(const struct generation *generation) {
    return generation->interpreter->options.gil == POOL_GIL_OWN;
}

static bool anybody_serves(struct pool *pool) {
    bool anybody = false;
    pthread_mutex_lock(&pool->lock);
    for (struct generation *each = pool->generations; each && !anybody; each = each->next) {
        anybody = each->state == GENERATION_SERVING && !has_own_gil(each);
    }
    pthread_mutex_unlock(&pool->lock);
    return anybody;
}

static void begin_window_locked(struct turns *turns, uint64_t now_ns) {
    turns->window_ns = now_ns;
    turns->loader_ns = clock_read_ns(turns->loader_clock);
}

void turns_load_begin(struct generation *generation) {
    struct turns *turns = &generation->interpreter->pool->turns;
    if (has_own_gil(generation) || !anybody_serves(generation->interpreter->pool)) {
        return;
    }
    generation->takes_turns = true;
    pthread_mutex_lock(&turns->lock);
    pthread_getcpuclockid(pthread_self(), &turns->loader_clock);
    turns->served_ns = 0;
    turns->rest_until_ns = 0;
    turns->unlimited = 0;
    begin_window_locked(turns, clock_now_ns());
    bool is_first = atomic_fetch_add(&turns->loads, 1) == 0;
    pthread_mutex_unlock(&turns->lock);
    if (is_first) {
        turns->switch_interval_us = interpreter_set_switch_interval(SWITCH_INTERVAL_US);
    }
}

void turns_load_end(struct generation *generation) {
    struct turns *turns = &generation->interpreter->pool->turns;
    if (!generation->takes_turns) {
        return;
    }
    pthread_mutex_lock(&turns->lock);
    bool is_last = atomic_fetch_sub(&turns->loads, 1) == 1;
    pthread_cond_broadcast(&turns->ended);
    pthread_mutex_unlock(&turns->lock);
    if (is_last && turns->switch_interval_us) {
        unsigned found = interpreter_set_switch_interval(turns->switch_interval_us);
        if (found != SWITCH_INTERVAL_US) { /* an application has set it itself */
            interpreter_set_switch_interval(found);
        }
    }
}

static void end_window_locked(struct turns *turns, uint64_t now_ns) {
    uint64_t half = (now_ns - turns->window_ns) / 2;
    turns->served_ns = turns->served_ns > half ? turns->served_ns - half : 0;
    if (turns->served_ns > DEBT_NS_MAX) {
        turns->served_ns = DEBT_NS_MAX;
    }
    if (turns->unlimited) {
        turns->unlimited--;
    } else if (clock_read_ns(turns->loader_clock) - turns->loader_ns < HUNGRY_NS) {
        turns->unlimited = UNLIMITED_WINDOWS;
    }
    begin_window_locked(turns, now_ns);
}

/** @return whether a job must wait, until turns->rest_until_ns */
static bool must_wait_locked(struct turns *turns) {
    uint64_t now_ns = clock_now_ns();
    if (!atomic_load(&turns->loads)) {
        return false;
    }
    if (now_ns < turns->rest_until_ns) {
        return true;
    }
    if (now_ns - turns->window_ns >= WINDOW_NS) {
        end_window_locked(turns, now_ns);
    }
    uint64_t even_ns = turns->window_ns + 2 * turns->served_ns; /* requests have had half then */
    if (turns->unlimited || even_ns < now_ns + BURST_NS) {
        return false;
    }
    turns->rest_until_ns = even_ns;
    return true;
}

static void wait_for_turn(struct serving_thread *thread) {
    struct turns *turns = &thread->generation->interpreter->pool->turns;
    bool is_attached = true;
    pthread_mutex_lock(&turns->lock);
    while (must_wait_locked(turns)) {
        if (is_attached) {
            is_attached = false;
            pthread_mutex_unlock(&turns->lock);
            attach_end();
            pthread_mutex_lock(&turns->lock);
            continue;
        }
        struct timespec until = clock_timespec(turns->rest_until_ns);
        pthread_cond_timedwait(&turns->ended, &turns->lock, &until);
    }
    pthread_mutex_unlock(&turns->lock);
    if (!is_attached) {
        attach_begin(thread->tstate);
    }
}

uint64_t turns_job_begin(struct serving_thread *thread) {
    struct turns *turns = &thread->generation->interpreter->pool->turns;
    if (!atomic_load_explicit(&turns->loads, memory_order_relaxed) ||
        has_own_gil(thread->generation)) {
        return 0;
    }
    wait_for_turn(thread);
    return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void turns_job_end(struct serving_thread *thread, uint64_t begun) {
    struct turns *turns = &thread->generation->interpreter->pool->turns;
    if (begun) {
        uint64_t took_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
        pthread_mutex_lock(&turns->lock);
        turns->served_ns += took_ns;
        pthread_mutex_unlock(&turns->lock);
    }
}
