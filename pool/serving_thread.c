#include "pool/pool_internal.h"

#include <stdio.h>
#include <string.h>

#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/python/attach.h"

/** A thread that waited for nearly the switch interval has interrupted the one with the GIL. */
static uint64_t interrupts_after_ns(void) {
    return (uint64_t)attach_switch_interval_us() * 900;
}

/** Time for the interrupted thread to wake and take the GIL: no event tells that it has. */
enum { GIVE_WAY_NS = 200 * 1000 };

/**
 * Attach, in line.
 *
 * A thread waits for the GIL so that it has it as soon as a request waits for something else.  But
 * after the switch interval the wait interrupts the thread that has the GIL in the middle of a
 * request, which then waits for as long, while later requests are served.  If the interrupted
 * thread runs one of many short requests, not a long computation, it goes on, and this one waits
 * once more.
 */
static void attach_in_line(struct serving_thread *thread) {
    uint64_t woken_ns = 0;
    for (;;) {
        uint64_t finished = queue_finished(&thread->waiting);
        uint64_t begin_ns = clock_now_ns();
        woken_ns = woken_ns ? woken_ns : begin_ns;
        attach_begin(thread->tstate);
        uint64_t now_ns = clock_now_ns();
        if (now_ns - begin_ns < interrupts_after_ns() ||
            !queue_gives_way(&thread->waiting, finished)) {
            thread->lease.gil_wait_ns = now_ns - woken_ns;
            return;
        }
        attach_end();
        const struct timespec deadline = clock_deadline_ns(GIVE_WAY_NS);
        queue_wait_drained(thread->waiting.queue, &deadline);
    }
}

static void tell_ready(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->threads_ready++;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

static void tell_gone(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->threads_alive--;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    generation_let_go(generation);
}

/** The first thread of an application is there from the start, the others when needed. */
static bool is_started_late(const struct serving_thread *thread) {
    return thread->lease.thread_index > 0;
}

static void *serving_thread_main(void *arg) {
    struct serving_thread *thread = arg;
    struct generation *generation = thread->generation;
    /* Made by this thread: 3.11 binds a thread to the first thread state that it makes. */
    thread->tstate = PyThreadState_New(generation->python);
    if (thread->tstate) {
        thread->lease.thread_ident = PyThread_get_thread_ident();
        tell_ready(generation);
        if (is_started_late(thread)) {
            queue_thread_join(&thread->waiting);
        }
        serving_thread_serve(thread);
        attach_begin(thread->tstate);
        attach_end_and_delete(thread->tstate);
    }
    tell_gone(generation);
    return NULL;
}

static int start_one(struct serving_thread *thread, struct error *err) {
    struct generation *generation = thread->generation;
    struct pool *pool = generation->interpreter->pool;
    char name[64];
    snprintf(name, sizeof name, "%u:%s", thread->lease.thread_index, thread->lease.app->name);
    pthread_mutex_lock(&pool->lock);
    generation->threads_alive++;
    generation_hold_locked(generation);
    pthread_mutex_unlock(&pool->lock);
    if (thread_start(serving_thread_main, thread, name, err) != 0) {
        tell_gone(generation);
        return -1;
    }
    return 0;
}

/**
 * The next thread is started before the job is run, which may take long.  If it cannot be started,
 * that is tried again with the next job.
 */
static void start_next(struct serving_thread *thread) {
    struct error err;
    struct queue_thread *next = thread->waiting.to_start;
    if (next && start_one((struct serving_thread *)next, &err) != 0) {
        queue_thread_postpone(next);
    }
}

/** Its first job has ended: pool_await_answer() waits for that. */
static void note_answer(struct generation *generation) {
    if (atomic_load_explicit(&generation->has_answered, memory_order_relaxed)) {
        return;
    }
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&generation->has_answered, true);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

/*
 * Attached from the first job until none waits: with requests coming in, the GIL is not given up
 * between two of them.
 */
void serving_thread_serve(struct serving_thread *thread) {
    while (queue_wait(&thread->waiting)) {
        attach_in_line(thread);
        struct job *job = queue_first(&thread->waiting);
        while (job) {
            start_next(thread);
            uint64_t begun = turns_job_begin(thread);
            job->run(job, &thread->lease);
            turns_job_end(thread, begun);
            note_answer(thread->generation);
            thread->lease.gil_wait_ns = 0; /* it has the GIL when it takes the next */
            job = queue_next(&thread->waiting);
        }
        attach_end();
    }
}

void pool_uncount_job(const struct lease *lease) {
    struct serving_thread *thread =
        (struct serving_thread *)((char *)lease - offsetof(struct serving_thread, lease));
    thread->waiting.is_uncounted = true;
}

int serving_threads_start(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    unsigned started = 0;
    for (size_t i = 1; i < generation->thread_count; i++) {
        struct serving_thread *thread = &generation->threads[i];
        if (is_started_late(thread)) {
            queue_thread_postpone(&thread->waiting);
        } else if (start_one(thread, err) != 0) {
            return error_prefix(err, "starting the threads of %s", generation->interpreter->name);
        } else {
            started++;
        }
    }
    pthread_mutex_lock(&pool->lock);
    while (generation->threads_ready < started && generation->threads_alive == started) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool all_ready = generation->threads_ready == started;
    pthread_mutex_unlock(&pool->lock);
    return all_ready ? 0 : error_set(err, ERR_MEMORY, "no memory for a thread state");
}

void serving_threads_dismiss(struct generation *generation) {
    for (size_t i = 0; i < generation->app_count; i++) {
        queue_clear_crew(&generation->apps[i].app->queue, generation->apps[i].crew);
    }
    for (size_t i = 0; i < generation->thread_count; i++) {
        queue_thread_dismiss(&generation->threads[i].waiting);
    }
}
