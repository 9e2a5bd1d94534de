#include "pool/pool_internal.h"

#include "pool/python/attach.h"
#include "pool/python/interpreter.h"

/* How the home thread of a generation ends the interpreter (home.c). */

/** Stopping a thread may run code that starts another one: how often that is tried again. */
enum { STOP_ROUNDS = 3 };

static void wait_for_retry(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    while (!generation->is_retry_wanted) {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    generation->is_retry_wanted = false;
    pthread_mutex_unlock(&pool->lock);
}

/** Run the last code of the applications: hooks, exit functions, unload. @tstate attached */
static void say_goodbye(struct generation *generation, bool is_end) {
    struct pool_hooks *hooks = &generation->interpreter->pool->hooks;
    home_set_app_code(generation, false); /* forgets what was meant for its last job */
    home_set_app_code(generation, true);
    if (is_end && hooks->retiring) {
        hooks->retiring(hooks->ctx, generation);
        if (PyErr_Occurred()) {
            PyErr_WriteUnraisable(NULL);
        }
    }
    if (is_end) {
        interpreter_run_exit_functions();
    }
    home_set_app_code(generation, false);
    for (size_t i = generation->app_count; i-- > 0;) {
        struct loaded_app *loaded = &generation->apps[i];
        if (loaded->is_loaded && hooks->unload) {
            hooks->unload(hooks->ctx, generation, loaded->app, loaded->loaded);
        }
        loaded->is_loaded = false;
    }
}

/** The interpreter is about to end, and nothing can stop that any more. @tstate attached */
static void close_gate_if_wanted(struct generation *generation) {
    struct pool *pool = generation->interpreter->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_wanted = generation->is_gate_wanted;
    if (is_wanted) {
        pool_gate_close_locked(generation->interpreter);
        generation->has_closed_gate = true;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_wanted && pool->hooks.ending) {
        pool->hooks.ending(pool->hooks.ctx, generation);
    }
}

/**
 * Stop the threads that the application left running.  A stopped thread may register an exit
 * function, which may start a thread: 3.13 would abort if that happened within Py_EndInterpreter().
 * @return whether this thread is the last one  @tstate attached
 */
static bool stop_stragglers(unsigned limit_ms) {
    for (int round = 0; round < STOP_ROUNDS; round++) {
        if (!interpreter_stop_threads(limit_ms)) {
            return false;
        }
        interpreter_run_exit_functions();
        if (interpreter_other_threads() == 0) {
            return true;
        }
    }
    return false;
}

/** @return 0, or -1 with what keeps it from ending  @tstate attached */
static int check_end(struct generation *generation, unsigned limit_ms, struct error *err) {
    const struct pool_hooks *hooks = &generation->interpreter->pool->hooks;
    if (!stop_stragglers(limit_ms)) {
        interpreter_name_threads(err);
        return error_prefix(err, "threads do not end");
    }
    if (!interpreter_await_guards(limit_ms)) {
        return error_set(err, ERR_BUSY, "guarded: C code has not closed its interpreter guards");
    }
    if (hooks->may_end && !hooks->may_end(hooks->ctx, generation)) {
        return error_set(err, ERR_TIMEOUT, "a thread of C code may still call it");
    }
    return 0;
}

/** End the interpreter if possible. @return 0, or -1 with the reason why it has not ended
 *  @tstate attached on entry, none on return */
static int try_to_end(struct generation *generation, unsigned limit_ms, struct error *err) {
    if (check_end(generation, limit_ms, err) != 0) {
        attach_end();
        return -1;
    }
    close_gate_if_wanted(generation);
    pthread_mutex_lock(&generation->interpreter->pool->lock);
    generation->python = NULL;
    pthread_mutex_unlock(&generation->interpreter->pool->lock);
    interpreter_end(generation->home_tstate);
    return 0;
}

static void leave_main(struct generation *generation) {
    pthread_mutex_lock(&generation->interpreter->pool->lock);
    generation->python = NULL;
    pthread_mutex_unlock(&generation->interpreter->pool->lock);
    attach_end_and_delete(generation->home_tstate);
}

void home_end(struct generation *generation, bool has_served) {
    const struct pool_interpreter_options *options = &generation->interpreter->options;
    home_set_phase(generation, HOME_ENDING);
    attach_begin(generation->home_tstate);
    say_goodbye(generation, has_served || !options->is_main);
    attach_end();
    interrupter_join(generation);
    attach_begin(generation->home_tstate);
    if (options->is_main) {
        leave_main(generation);
        return;
    }
    struct error err;
    unsigned limit_ms = options->stop_threads_ms;
    while (try_to_end(generation, limit_ms, &err) != 0) {
        generation_set_state(generation, GENERATION_ZOMBIE, &err);
        home_set_phase(generation, HOME_PARKED);
        wait_for_retry(generation);
        attach_begin(generation->home_tstate);
        limit_ms = 0;
    }
}
