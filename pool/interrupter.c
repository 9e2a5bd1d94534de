#include "pool/pool_internal.h"

#include <stdlib.h>

#include "pool/base/thread.h"
#include "pool/python/attach.h"
#include "pool/python/interpreter.h"
#include "pool/python/waits.h"

/*
 * SystemExit for threads that go on for too long.  It is raised by a thread that is attached to
 * their interpreter, and attaching may block for as long as C code there keeps the GIL.  So a
 * thread of its own raises it, and its caller waits for the outcome only.
 */

/**
 * Code may catch SystemExit and go on, so it is raised again: soon at first, then ever more rarely,
 * because the code may be shutting down in an orderly way, which takes time.
 */
enum { INTERRUPT_AGAIN_MS = 50, INTERRUPT_AT_LEAST_EVERY_MS = 400 };

/** The threads to interrupt now. @return an array of `*ret_count` thread ids: free(); or NULL */
static unsigned long *find_targets(struct generation *generation, PyThreadState *me,
                                   size_t *ret_count) {
    struct pool *pool = generation->interpreter->pool;
    size_t count = 0;
    pthread_mutex_lock(&pool->lock);
    unsigned targets = generation->interrupt_targets;
    size_t room = generation->thread_count + 1;
    for (struct runner *runner = generation->runners; runner; runner = runner->next) {
        room++;
    }
    PyThreadState *tstate = PyInterpreterState_ThreadHead(generation->python);
    for (; tstate; tstate = PyThreadState_Next(tstate)) {
        room++;
    }
    unsigned long *idents = calloc(room, sizeof *idents);
    if (idents && targets & INTERRUPT_HOME && generation->is_app_code) {
        idents[count++] = generation->home_ident;
    }
    if (idents && targets & INTERRUPT_JOBS) {
        for (size_t i = 0; i < generation->thread_count; i++) {
            if (queue_thread_is_busy(&generation->threads[i].waiting)) {
                idents[count++] = generation->threads[i].lease.thread_ident;
            }
        }
    }
    for (struct runner *runner = generation->runners; idents && runner; runner = runner->next) {
        bool is_meant =
            targets & INTERRUPT_RUNNERS || (targets & INTERRUPT_OVERDUE && runner->is_overdue);
        if (is_meant && runner->ident) {
            idents[count++] = runner->ident;
        }
    }
    if (idents && targets & INTERRUPT_REST) {
        tstate = PyInterpreterState_ThreadHead(generation->python);
        for (; tstate; tstate = PyThreadState_Next(tstate)) {
            if (tstate != me && tstate != generation->home_tstate) {
                idents[count++] = tstate->thread_id;
            }
        }
    }
    pthread_mutex_unlock(&pool->lock);
    *ret_count = count;
    return idents;
}

static void interrupt(struct generation *generation, PyThreadState *me) {
    attach_begin(me);
    size_t count;
    unsigned long *idents = find_targets(generation, me, &count);
    /* Attached ever since: what was found is still true. */
    for (size_t i = 0; idents && i < count; i++) {
        interpreter_interrupt(idents[i]);
    }
    if (idents && count > 0) {
        interpreter_wake(idents, count, WAITS_FOR_TIME_OR_DATA | WAITS_FOR_LOCKS);
    }
    attach_end();
    free(idents);
}

/**
 * The traceback of the interrupted code will be formatted.  The module for that is imported before,
 * because an import that SystemExit breaks off may leave CPython's lock of the module locked
 * (SystemExit is raised where a function is entered, such as the one that unlocks), and the next
 * thread that imports the module would hang.
 */
static void prepare_interrupter(PyThreadState *me) {
    attach_begin(me);
    Py_XDECREF(PyImport_ImportModule("traceback"));
    PyErr_Clear();
    attach_end();
}

static void *interrupter_main(void *arg) {
    struct generation *generation = arg;
    struct pool *pool = generation->interpreter->pool;
    PyThreadState *me = PyThreadState_New(generation->python);
    unsigned again_ms = INTERRUPT_AGAIN_MS;
    if (me) {
        prepare_interrupter(me);
    }
    pthread_mutex_lock(&pool->lock);
    while (me && generation->interrupt_targets) {
        pthread_mutex_unlock(&pool->lock);
        interrupt(generation, me);
        struct timespec again = clock_deadline(again_ms);
        again_ms = again_ms < INTERRUPT_AT_LEAST_EVERY_MS ? 2 * again_ms : again_ms;
        pthread_mutex_lock(&pool->lock);
        while (generation->interrupt_targets &&
               pthread_cond_timedwait(&pool->changed, &pool->lock, &again) == 0) {
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (me) {
        attach_begin(me);
        attach_end_and_delete(me);
    }
    pthread_mutex_lock(&pool->lock);
    generation->is_interrupter_alive = false;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    generation_let_go(generation);
    return NULL;
}

void interrupter_start(struct generation *generation, unsigned targets) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_possible = generation->python && !generation->is_interrupter_forbidden;
    bool is_needed = is_possible && !generation->is_interrupter_alive;
    if (is_possible) {
        generation->interrupt_targets |= targets;
        pthread_cond_broadcast(&pool->changed);
    }
    if (is_needed) {
        generation->is_interrupter_alive = true;
        generation_hold_locked(generation);
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_needed && thread_start(interrupter_main, generation, "interrupter", NULL) != 0) {
        pthread_mutex_lock(&pool->lock);
        generation->is_interrupter_alive = false;
        pthread_mutex_unlock(&pool->lock);
        generation_let_go(generation);
    }
}

void interrupter_stop_locked(struct generation *generation, unsigned targets) {
    generation->interrupt_targets &= ~targets;
    pthread_cond_broadcast(&generation->interpreter->pool->changed);
}

void interrupter_stop(struct generation *generation, unsigned targets) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    interrupter_stop_locked(generation, targets);
    pthread_mutex_unlock(&pool->lock);
}

void interrupter_join(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->interrupt_targets = 0;
    generation->is_interrupter_forbidden = true;
    pthread_cond_broadcast(&pool->changed);
    while (generation->is_interrupter_alive) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}
