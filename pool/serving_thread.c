#include "pool/pool_internal.h"

#include <stdio.h>
#include <string.h>

#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/python/attach.h"

/** Who has waited for nearly as long as the switch interval has interrupted somebody. */
static uint64_t interrupts_after_ns(void) {
    return (uint64_t)attach_switch_interval_us() * 900;
}

/** For the interrupted thread to wake up and take the GIL; no event tells that it has. */
enum { GIVE_WAY_NS = 200 * 1000 };

/**
 * Attach, in line.
 *
 * Waiting for the GIL serves to have it as soon as a request waits for something else.  But after
 * the switch interval it interrupts the thread that has it, in the middle of a request, which then
 * waits for as long itself, while those that came later are served.  When the interrupted one is
 * not a long computation, but one of many short requests, it goes on and this one waits again.
 */
static void attach_in_line(struct server *server) {
    for (;;) {
        uint64_t finished = queue_finished(&server->waiting);
        uint64_t begin_ns = clock_now_ns();
        attach_begin(server->tstate);
        if (clock_now_ns() - begin_ns < interrupts_after_ns() ||
            !queue_gives_way(&server->waiting, finished)) {
            return;
        }
        attach_end();
        const struct timespec deadline = clock_deadline_ns(GIVE_WAY_NS);
        queue_wait_drained(server->waiting.queue, &deadline);
    }
}

static void tell_ready(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->servers_ready++;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

static void tell_gone(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->servers_alive--;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    generation_unref(generation);
}

/** When it is needed; the first of an application is there from the start. */
static bool is_started_late(const struct server *server) {
    return server->lease.thread_index > 0;
}

static void *server_main(void *arg) {
    struct server *server = arg;
    struct generation *generation = server->generation;
    /* Made by this thread: 3.11 binds a thread to the first thread state that it makes. */
    server->tstate = PyThreadState_New(generation->python);
    if (server->tstate) {
        server->lease.thread_ident = PyThread_get_thread_ident();
        tell_ready(generation);
        if (is_started_late(server)) {
            queue_server_join(&server->waiting);
        }
        server_serve(server);
        attach_begin(server->tstate);
        attach_end_and_delete(server->tstate);
    }
    tell_gone(generation);
    return NULL;
}

static int start_one(struct server *server, struct error *err) {
    struct generation *generation = server->generation;
    struct pool *pool = generation->interpreter->pool;
    char name[64];
    snprintf(name, sizeof name, "%u:%s", server->lease.thread_index, server->lease.app->name);
    pthread_mutex_lock(&pool->lock);
    generation->servers_alive++;
    generation_ref_locked(generation);
    pthread_mutex_unlock(&pool->lock);
    if (thread_start(server_main, server, name, err) != 0) {
        tell_gone(generation);
        return -1;
    }
    return 0;
}

/**
 * Who is left idle is started before the job is run, which may take long.  When that fails, the
 * threads that there are have to do, and it is tried again with the next job.
 */
static void start_next(struct server *server) {
    struct error err;
    struct queue_server *next = server->waiting.to_start;
    if (next && start_one((struct server *)next, &err) != 0) {
        queue_server_postpone(next);
    }
}

/*
 * Attached from the first job until none waits: with requests coming in, the GIL is not given up
 * between two of them.
 */
void server_serve(struct server *server) {
    while (queue_wait(&server->waiting)) {
        attach_in_line(server);
        struct job *job = queue_first(&server->waiting);
        while (job) {
            start_next(server);
            uint64_t begun = turns_job_begin(server);
            job->run(job, &server->lease);
            turns_job_end(server, begun);
            job = queue_next(&server->waiting);
        }
        attach_end();
    }
}

int servers_start(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    unsigned started = 0;
    for (size_t i = 1; i < generation->server_count; i++) {
        struct server *server = &generation->servers[i];
        if (is_started_late(server)) {
            queue_server_postpone(&server->waiting);
        } else if (start_one(server, err) != 0) {
            return error_prefix(err, "starting the threads of %s", generation->interpreter->name);
        } else {
            started++;
        }
    }
    pthread_mutex_lock(&pool->lock);
    while (generation->servers_ready < started && generation->servers_alive == started) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool all_ready = generation->servers_ready == started;
    pthread_mutex_unlock(&pool->lock);
    return all_ready ? 0 : error_set(err, ERR_MEMORY, "no memory for a thread state");
}

void servers_dismiss(struct generation *generation) {
    for (size_t i = 0; i < generation->app_count; i++) {
        queue_clear_crew(&generation->apps[i].app->queue, generation->apps[i].crew);
    }
    for (size_t i = 0; i < generation->server_count; i++) {
        queue_server_dismiss(&generation->servers[i].waiting);
    }
}
