#include "pool/pool_internal.h"

#include <stdio.h>

#include "pool/base/resources.h"
#include "pool/base/stopwatch.h"
#include "pool/base/thread.h"
#include "pool/python/attach.h"
#include "pool/python/interpreter.h"
#include "pool/python/py_error.h"

/*
 * The home thread of a generation: it makes the interpreter, loads the applications, serves as the
 * first thread of the first one, and ends the interpreter (home_end.c).  One thread does all this,
 * because
 *   - `threading` takes it for the main thread of the interpreter,
 *   - the thread that ends an interpreter must be the one whose thread state was its first.
 */

void home_set_app_code(struct generation *generation, bool is_app_code) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->is_app_code = is_app_code;
    pthread_mutex_unlock(&pool->lock);
    /* The interrupter looks and interrupts without releasing the GIL in between, so after this no
     * interruption is pending. */
    if (!is_app_code) {
        interpreter_clear_interrupt();
    }
}

void home_set_phase(struct generation *generation, enum home_phase phase) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation->phase = phase;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Loading ---- */

/** Attach for the first time. @return 0 attached, or -1 not */
static int enter_interpreter(struct generation *generation, struct error *err) {
    struct pool_interpreter *interpreter = generation->interpreter;
    PyThreadState *tstate;
    if (interpreter->options.is_main) {
        tstate = PyThreadState_New(PyInterpreterState_Main());
        if (!tstate) {
            return error_set(err, ERR_MEMORY, "no thread state");
        }
        attach_begin(tstate);
        if (interpreter_adopt_home(err)) {
            attach_end_and_delete(tstate);
            return -1;
        }
    } else {
        bool own_gil = interpreter->options.gil == POOL_GIL_OWN;
        tstate =
            resources_check(err) == 0 ? interpreter_create(own_gil, &generation->sink, err) : NULL;
        if (!tstate) {
            return -1;
        }
    }
    pthread_mutex_lock(&interpreter->pool->lock);
    generation->home_tstate = tstate;
    generation->home_ident = PyThread_get_thread_ident();
    generation->python = PyThreadState_GetInterpreter(tstate);
    bool is_too_late = generation->is_too_late; /* from here on the interrupter finds it */
    pthread_mutex_unlock(&interpreter->pool->lock);
    if (is_too_late) {
        attach_end();
        return error_set(err, ERR_TIMEOUT, "not even the interpreter was there in time");
    }
    return 0;
}

/** Turn what a hook left behind into an error. @return rc, or -1 when an exception is set */
static int take_exception(int rc, struct error *err) {
    if (PyErr_Occurred()) {
        return py_error_take(err);
    }
    return rc;
}

static int run_setup(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    if (!pool->hooks.setup || (generation->interpreter->options.is_main && pool->is_main_set_up)) {
        return 0;
    }
    int rc = take_exception(pool->hooks.setup(pool->hooks.ctx, generation, err), err);
    if (generation->interpreter->options.is_main) {
        pool->is_main_set_up = rc == 0; /* one generation in main at a time: no other looks */
    }
    return rc;
}

static int run_prepare(struct generation *generation, struct error *err) {
    struct pool_hooks *hooks = &generation->interpreter->pool->hooks;
    return hooks->prepare ? take_exception(hooks->prepare(hooks->ctx, generation, err), err) : 0;
}

static int load_apps(struct generation *generation, struct error *err) {
    struct pool_hooks *hooks = &generation->interpreter->pool->hooks;
    for (size_t i = 0; i < generation->app_count; i++) {
        struct loaded_app *loaded = &generation->apps[i];
        int rc = hooks->load(hooks->ctx, generation, loaded->app, &loaded->loaded, err);
        if (take_exception(rc, err) != 0) {
            return -1;
        }
        loaded->is_loaded = true;
    }
    return hooks->loaded ? take_exception(hooks->loaded(hooks->ctx, generation, err), err) : 0;
}

/** @tstate attached */
static void tell_if_failed(struct generation *generation, int rc, const struct error *err) {
    const struct pool_hooks *hooks = &generation->interpreter->pool->hooks;
    if (rc != 0 && err->code != ERR_COLD && hooks->load_failed &&
        !generation->interpreter->options.is_main) {
        hooks->load_failed(hooks->ctx, generation);
    }
}

/** From now on code runs that may take long. @tstate attached */
static void begin_code(struct generation *generation) {
    home_set_app_code(generation, true);
    turns_load_begin(generation);
}

/** @return 0 attached, in a new interpreter that is set up or not; or -1 not attached */
static int enter_and_set_up(struct generation *generation, int *ret_set_up, struct error *err) {
    if (enter_interpreter(generation, err) != 0) {
        return -1;
    }
    begin_code(generation);
    *ret_set_up = run_setup(generation, err);
    return 0;
}

static void leave_for_now(struct generation *generation) {
    home_set_app_code(generation, false);
    turns_load_end(generation);
    attach_end();
}

/** @return whether it is to load; not attached on return */
static bool live_as_spare(struct generation *generation) {
    struct error err = {0};
    int rc = -1;
    if (enter_and_set_up(generation, &rc, &err) == 0) {
        rc = rc == 0 ? run_prepare(generation, &err) : rc;
        leave_for_now(generation);
    }
    return spare_wait(generation, rc == 0 ? NULL : &err);
}

/** Name the extension whose refusal made the load fail: the application is not broken. */
static void name_refusal(struct generation *generation, struct error *err) {
    struct pool_refusal refusal;
    if (err->code == ERR_REFUSED && generation_refusal(generation, 0, &refusal)) {
        error_prefix(err, "%s refuses sub-interpreters (%.200s)", refusal.module, refusal.message);
    }
}

/** @param was_spare  it is set up
 *  @return 0, or -1 with `err`; never attached on return */
static int load_generation(struct generation *generation, bool was_spare, struct error *err) {
    struct stopwatch begin = stopwatch_read();
    int rc = 0;
    if (was_spare) {
        attach_begin(generation->home_tstate);
        begin_code(generation);
    } else if (enter_and_set_up(generation, &rc, err) != 0) {
        return -1;
    }
    if (rc == 0) {
        rc = load_apps(generation, err);
        tell_if_failed(generation, rc, err);
    }
    generation->load_ms =
        stopwatch_ms(&begin, generation->interpreter->options.gil == POOL_GIL_OWN);
    leave_for_now(generation);
    if (rc != 0) {
        name_refusal(generation, err);
        return -1;
    }
    for (size_t i = 0; i < generation->thread_count; i++) {
        struct serving_thread *thread = &generation->threads[i];
        for (size_t app = 0; app < generation->app_count; app++) {
            if (generation->apps[app].app == thread->lease.app) {
                thread->lease.loaded = generation->apps[app].loaded;
            }
        }
    }
    if (generation->thread_count > 0) {
        generation->threads[0].tstate = generation->home_tstate;
        generation->threads[0].lease.thread_ident = generation->home_ident;
    }
    return serving_threads_start(generation, err);
}

/** @return whether it is to serve */
static bool tell_built(struct generation *generation, const struct error *failure) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    bool may_serve = !failure && !generation->is_too_late;
    if (generation->is_too_late) {
        /* SystemExit's traceback, if that is what ended it, shows where it was. */
        error_set(&generation->build_error, ERR_TIMEOUT, "loading took too long%s%s",
                  failure ? "\n" : "", failure ? failure->text : "");
    } else if (failure) {
        generation->build_error = *failure;
    }
    generation->is_built = true;
    generation->is_leaving |= !may_serve;
    generation->phase = HOME_SERVING;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    return may_serve;
}

/** Wait until it is told to end the interpreter and every other thread of the host has left. */
static void wait_until_alone(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->changed); /* its last job is done */
    while (!generation->is_leaving || generation->threads_alive > 0 || generation->runners) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void *home_main(void *arg) {
    struct generation *generation = arg;
    struct error err = {0};
    bool was_spare = generation->is_spare; /* pool_spare_make() waits for this thread */
    bool is_serving = false;
    if (!was_spare || live_as_spare(generation)) {
        bool has_failed = load_generation(generation, was_spare, &err) != 0;
        is_serving = tell_built(generation, has_failed ? &err : NULL);
    }
    if (is_serving && generation->thread_count > 0) {
        serving_thread_serve(&generation->threads[0]);
    } else if (!is_serving) {
        serving_threads_dismiss(generation);
    }
    wait_until_alone(generation);
    if (generation->home_tstate) {
        home_end(generation, is_serving);
    }
    if (is_serving || generation->build_error.code == ERR_NONE) { /* or a spare not needed */
        generation_set_state(generation, GENERATION_RETIRED, NULL);
    } else { /* build_error does not change any more */
        generation_set_state(generation, GENERATION_FAILED, &generation->build_error);
    }
    home_set_phase(generation, HOME_GONE);
    generation_let_go(generation);
    return NULL;
}

int home_start(struct generation *generation, struct error *err) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    generation_hold_locked(generation);
    pthread_mutex_unlock(&pool->lock);
    char name[64];
    snprintf(name, sizeof name, "home:%s", generation->interpreter->name);
    if (thread_start(home_main, generation, name, err) != 0) {
        generation_let_go(generation);
        return -1;
    }
    return 0;
}
