#include "pool/python/py_compat.h"

#include "tests/support/pool_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/python/interpreter.h"
#include "pool/python/py_error.h"
#include "pool/python/runtime.h"

atomic_uint fixture_states[GENERATION_ZOMBIE + 1];
const char *fixture_setup;
const char *fixture_prepare;
const char *fixture_cold;
const char *fixture_retiring;
bool (*fixture_may_end)(void *ctx, struct generation *generation);

static void require(int rc, const struct error *err) {
    if (rc != 0) {
        fprintf(stderr, "unexpected: %s\n", err->text);
        abort();
    }
}

/** Run text in a new namespace. @return it (new reference), or NULL with an exception */
static PyObject *run_text(const char *text) {
    PyObject *globals = PyDict_New();
    assert(globals);
    PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins());
    PyObject *none = PyRun_String(text, Py_file_input, globals, globals);
    if (!none) {
        Py_CLEAR(globals);
    }
    Py_XDECREF(none);
    return globals;
}

static int setup(void *ctx, struct generation *generation, struct error *err) {
    (void)ctx, (void)generation, (void)err;
    PyObject *globals = fixture_setup ? run_text(fixture_setup) : NULL;
    Py_XDECREF(globals);
    return 0; /* an exception that is left set is what fails */
}

/** A spare is known by the attribute sys.is_spare. */
static int prepare(void *ctx, struct generation *generation, struct error *err) {
    (void)ctx, (void)generation, (void)err;
    PySys_SetObject("is_spare", Py_True);
    PyObject *globals = fixture_prepare ? run_text(fixture_prepare) : NULL;
    Py_XDECREF(globals);
    return 0; /* an exception that is left set is what fails */
}

static int load(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
                struct error *err) {
    (void)ctx, (void)generation;
    if (fixture_cold && PySys_GetObject("is_spare")) {
        return error_set(err, ERR_COLD, "%s", fixture_cold);
    }
    PyObject *globals = run_text(*(const char **)pool_app_user(app));
    *ret_loaded = globals;
    return globals ? 0 : py_error_take(err);
}

static void unload(void *ctx, struct generation *generation, struct pool_app *app, void *loaded) {
    (void)ctx, (void)generation, (void)app;
    Py_DECREF((PyObject *)loaded);
}

static bool may_end(void *ctx, struct generation *generation) {
    return !fixture_may_end || fixture_may_end(ctx, generation);
}

static void retiring(void *ctx, struct generation *generation) {
    (void)ctx, (void)generation;
    PyObject *globals = fixture_retiring ? run_text(fixture_retiring) : NULL;
    Py_XDECREF(globals);
}

static void state_changed(void *ctx, struct generation *generation, enum generation_state state,
                          const struct error *why) {
    (void)ctx, (void)generation, (void)why;
    atomic_fetch_add(&fixture_states[state], 1);
}

struct pool *fixture_start(void) {
    static const struct pool_hooks hooks = {
        .setup = setup,
        .prepare = prepare,
        .load = load,
        .unload = unload,
        .retiring = retiring,
        .may_end = may_end,
        .state_changed = state_changed,
    };
    struct error err = {0};
    require(runtime_start(NULL, &err), &err);
    struct pool *pool = pool_new(&hooks, &err);
    require(pool ? 0 : -1, &err);
    return pool;
}

struct pool_interpreter *fixture_interpreter(struct pool *pool, const char *name, bool is_main,
                                             enum pool_gil gil) {
    struct pool_interpreter *interpreter;
    struct error err = {0};
    struct pool_interpreter_options options = {
        .name = name,
        .is_main = is_main,
        .gil = gil,
        .stop_threads_ms = FIXTURE_STOP_THREADS_MS,
    };
    require(pool_add_interpreter(pool, &options, &interpreter, &err), &err);
    return interpreter;
}

struct pool_app *fixture_app_in(struct pool_interpreter *interpreter, const char *name,
                                const char **source, unsigned threads, unsigned queue_limit) {
    struct pool_app *app;
    struct error err = {0};
    struct pool_app_options options = {
        .name = name, .threads = threads, .queue_limit = queue_limit, .user = source};
    require(pool_add_app(interpreter, &options, &app, &err), &err);
    return app;
}

struct pool_app *fixture_app(struct pool *pool, const char *name, const char **source,
                             unsigned threads, unsigned queue_limit) {
    return fixture_app_in(fixture_interpreter(pool, name, false, POOL_GIL_SHARED), name, source,
                          threads, queue_limit);
}

struct generation *fixture_build(struct pool_app *app) {
    struct generation *generation;
    struct error err = {0};
    require(pool_build(pool_app_interpreter(app), FIXTURE_BUILD_MS, &generation, &err), &err);
    return generation;
}

struct generation *fixture_reload(struct pool_app *app) {
    struct error err = {0};
    struct generation *before = pool_current(pool_app_interpreter(app));
    struct generation *generation = fixture_build(app);
    require(pool_publish(generation, &err), &err);
    if (before) {
        pool_retire(before, FIXTURE_BUILD_MS);
    }
    return generation;
}

static void copy_str(PyObject *object, char *to, size_t size) {
    PyObject *text = object ? PyObject_Str(object) : NULL;
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    if (utf8) {
        snprintf(to, size, "%s", utf8);
    } else {
        struct error err;
        interpreter_prefer_interrupt();
        py_error_take(&err);
        const char *last_line = strrchr(err.text, '\n');
        snprintf(to, size, "%s", last_line ? last_line + 1 : err.text);
    }
    Py_XDECREF(text);
}

static void run_job(struct job *base, const struct lease *lease) {
    struct fixture_job *job = (struct fixture_job *)base;
    PyObject *function = PyDict_GetItemString(lease->loaded, job->function);
    PyObject *result = function ? PyObject_CallNoArgs(function) : NULL;
    if (!function) {
        PyErr_SetString(PyExc_NameError, job->function);
    }
    copy_str(result, job->result, sizeof job->result);
    Py_XDECREF(result);
    job->has_run = true;
    job->generation = generation_number(lease->generation);
    job->thread_index = lease->thread_index;
    job->thread_ident = lease->thread_ident;
    sem_post(&job->done);
}

static void abandon_job(struct job *base) {
    struct fixture_job *job = (struct fixture_job *)base;
    job->was_abandoned = true;
    sem_post(&job->done);
}

void fixture_job_init(struct fixture_job *job, const char *function) {
    memset(job, 0, sizeof *job);
    job->job.run = run_job;
    job->job.abandon = abandon_job;
    job->function = function;
    sem_init(&job->done, 0, 0);
}

void fixture_job_wait(struct fixture_job *job) {
    while (sem_wait(&job->done) != 0) {
    }
}

void fixture_await_in_flight(struct pool_app *app, unsigned count) {
    struct pool_app_stats stats;
    do {
        pool_app_stats(app, &stats);
    } while (stats.in_flight != count);
}

const char *fixture_call(struct pool_app *app, const char *function) {
    static _Thread_local struct fixture_job tl_job;
    struct error err = {0};
    fixture_job_init(&tl_job, function);
    require(pool_submit(app, &tl_job.job, &err), &err);
    fixture_job_wait(&tl_job);
    return tl_job.was_abandoned ? "abandoned" : tl_job.result;
}

struct text_and_result {
    const char *text;
    char *result;
    size_t size;
};

static int eval_text(void *arg, struct error *err) {
    (void)err;
    struct text_and_result *call = arg;
    PyObject *globals = run_text("import sys");
    PyObject *value = globals ? PyRun_String(call->text, Py_eval_input, globals, globals) : NULL;
    copy_str(value, call->result, call->size);
    Py_XDECREF(value);
    Py_XDECREF(globals);
    return 0;
}

const char *fixture_eval(struct generation *generation, const char *expression) {
    static _Thread_local char tl_result[1024];
    struct error err = {0};
    struct text_and_result call = {expression, tl_result, sizeof tl_result};
    require(pool_run(generation, eval_text, &call, &err), &err);
    return tl_result;
}

static int exec_text(void *arg, struct error *err) {
    (void)err;
    PyObject *globals = run_text(arg);
    Py_XDECREF(globals);
    return 0; /* an exception that is left set is what fails */
}

int fixture_exec(struct generation *generation, const char *statements, struct error *err) {
    return pool_run(generation, exec_text, (void *)statements, err);
}

int fixture_exec_timed(struct generation *generation, unsigned timeout_ms, const char *statements,
                       struct error *err) {
    return pool_run_timed(generation, timeout_ms, exec_text, (void *)statements, err);
}
