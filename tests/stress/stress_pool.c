/*
 * Everything that the pool can do, at once and at random: several applications are reloaded,
 * broken, gated and checked while several threads hand over jobs.  Every job that was taken must
 * have been run exactly once, by a generation that was alive, or been abandoned for a reason.
 *
 *   stress_pool [SECONDS [SEED]]
 */
#include "pool/python/py_compat.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/base/clock.h"
#include "pool/python/runtime.h"
#include "tests/support/pool_fixture.h"

enum { INTERPRETERS = 4, APPS = 6, RELOADERS = 2, SUBMITTERS = 3, WINDOW = 64 };

/** What is loaded: mostly good, sometimes with things left running, sometimes broken. */
static const char *const s_sources[] = {
    "def f(): return 'plain'",
    "import decimal\n"
    "def f(): return str(decimal.Decimal(2).sqrt())[:4]",
    "import time\n"
    "def f(): time.sleep(0.0005); return 'slept'",
    "import threading, time\n"
    "def loop():\n"
    "    while True: time.sleep(0.001)\n"
    "threading.Thread(target=loop, daemon=True).start()\n"
    "def f(): return 'background'",
    "from concurrent.futures import ThreadPoolExecutor\n"
    "pool = ThreadPoolExecutor(2)\n"
    "def f(): return pool.submit(lambda: 'pooled').result()",
    "import atexit, json\n"
    "atexit.register(lambda: json.dumps({}))\n"
    "def f(): return json.dumps([1])",
    "def f(): raise ValueError('as asked')",
    "1 / 0",
    "import a_module_that_is_not_there",
};
enum { SOURCES = sizeof s_sources / sizeof *s_sources };

struct target {
    struct pool_interpreter *interpreter;
    pthread_mutex_t lock; /**< one reloader at a time */
    bool is_main;
};

struct stress_job {
    struct job job;
    atomic_uint *finished;
    atomic_bool is_taken;
    atomic_uint runs;
};

static struct target s_targets[INTERPRETERS];
static struct pool_app *s_apps[APPS];
static const char *s_app_sources[APPS];
static atomic_bool s_is_over;
static atomic_ulong s_submitted, s_run, s_busy, s_failed, s_abandoned, s_reloads, s_kept;

static void run(struct job *base, const struct lease *lease) {
    struct stress_job *job = (struct stress_job *)base;
    assert(atomic_fetch_add(&job->runs, 1) == 0);
    enum generation_state state = generation_state(lease->generation);
    assert(state == GENERATION_SERVING || state == GENERATION_DRAINING ||
           state == GENERATION_ZOMBIE);
    PyObject *function = PyDict_GetItemString(lease->loaded, "f");
    assert(function);
    PyObject *result = PyObject_CallNoArgs(function);
    if (!result) {
        assert(PyErr_ExceptionMatches(PyExc_ValueError) ||
               PyErr_ExceptionMatches(PyExc_RuntimeError) ||
               PyErr_ExceptionMatches(PyExc_SystemExit));
        PyErr_Clear();
    }
    Py_XDECREF(result);
    atomic_fetch_add(&s_run, 1);
    atomic_uint *finished = job->finished;
    atomic_store(&job->is_taken, false);
    atomic_fetch_add(finished, 1);
}

static void abandon(struct job *base) {
    struct stress_job *job = (struct stress_job *)base;
    assert(atomic_fetch_add(&job->runs, 1) == 0);
    atomic_fetch_add(&s_abandoned, 1);
    atomic_uint *finished = job->finished;
    atomic_store(&job->is_taken, false);
    atomic_fetch_add(finished, 1);
}

static void *submit_jobs(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    /* Static: a job that is stuck in a zombie outlives this thread. */
    struct stress_job *jobs = calloc(WINDOW, sizeof *jobs);
    atomic_uint *finished = calloc(1, sizeof *finished);
    assert(jobs && finished);
    struct error err;
    while (!atomic_load(&s_is_over)) {
        bool is_batch = rand_r(&seed) % 2;
        if (is_batch) {
            pool_batch_begin();
        }
        unsigned count = 1 + (unsigned)rand_r(&seed) % 8;
        for (unsigned i = 0; i < count; i++) {
            struct stress_job *job = &jobs[rand_r(&seed) % WINDOW];
            if (atomic_load(&job->is_taken)) {
                continue;
            }
            job->job.run = run;
            job->job.abandon = abandon;
            job->finished = finished;
            atomic_store(&job->runs, 0);
            atomic_store(&job->is_taken, true);
            if (pool_submit(s_apps[rand_r(&seed) % APPS], &job->job, &err) == 0) {
                atomic_fetch_add(&s_submitted, 1);
            } else {
                atomic_store(&job->is_taken, false);
                assert(err.code == ERR_BUSY || err.code == ERR_FAILED);
                atomic_fetch_add(err.code == ERR_BUSY ? &s_busy : &s_failed, 1);
            }
        }
        if (is_batch) {
            pool_batch_end();
        }
        if (rand_r(&seed) % 4 == 0) { /* leave some of the machine to the reloads */
            usleep(1000);
        }
    }
    return NULL;
}

static int check(void *arg, struct error *err) {
    (void)arg, (void)err;
    PyObject *module = PyImport_ImportModule("sys");
    Py_XDECREF(module);
    return module ? 0 : -1;
}

static void reload(struct target *target, unsigned *seed) {
    struct error err = {0};
    struct generation *before = pool_current(target->interpreter);
    struct generation *generation;
    for (size_t i = 0; i < pool_interpreter_app_count(target->interpreter); i++) {
        struct pool_app *app = pool_interpreter_app(target->interpreter, i);
        *(const char **)pool_app_user(app) = s_sources[(unsigned)rand_r(seed) % SOURCES];
    }
    if (pool_build(target->interpreter, FIXTURE_BUILD_MS, &generation, &err) != 0) {
        assert(err.code == ERR_PYTHON);
        atomic_fetch_add(&s_kept, 1);
        for (size_t i = 0; !before && i < pool_interpreter_app_count(target->interpreter); i++) {
            pool_app_set_failed(pool_interpreter_app(target->interpreter, i), &err);
        }
        return;
    }
    if (rand_r(seed) % 2) {
        assert(pool_run(generation, check, NULL, &err) == 0);
    }
    if (rand_r(seed) % 8 == 0) {
        pool_discard(generation);
        return;
    }
    bool is_gated = rand_r(seed) % 4 == 0;
    if (is_gated) {
        pool_gate_close(target->interpreter);
    }
    assert(pool_publish(generation, &err) == 0);
    if (before) {
        pool_retire(before, FIXTURE_BUILD_MS);
    }
    if (is_gated) {
        pool_gate_open(target->interpreter);
    }
    atomic_fetch_add(&s_reloads, 1);
}

static void *reload_targets(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&s_is_over)) {
        struct target *target = &s_targets[rand_r(&seed) % INTERPRETERS];
        if (pthread_mutex_trylock(&target->lock) != 0) {
            continue;
        }
        if (!target->is_main || !pool_current(target->interpreter)) {
            reload(target, &seed);
        } else {
            usleep(100);
        }
        pthread_mutex_unlock(&target->lock);
    }
    return NULL;
}

static void add_applications(struct pool *pool) {
    for (int i = 0; i < INTERPRETERS; i++) {
        static const char *const names[INTERPRETERS] = {"one", "two", "own", "main"};
        bool is_own = i == 2 && PY_HAS_OWN_GIL;
        s_targets[i].is_main = i == 3;
        s_targets[i].interpreter = fixture_interpreter(pool, names[i], s_targets[i].is_main,
                                                       is_own ? POOL_GIL_OWN : POOL_GIL_SHARED);
        pthread_mutex_init(&s_targets[i].lock, NULL);
    }
    for (unsigned i = 0; i < APPS; i++) {
        char name[16];
        snprintf(name, sizeof name, "app%u", i);
        s_app_sources[i] = s_sources[0];
        s_apps[i] = fixture_app_in(s_targets[i % INTERPRETERS].interpreter, name, &s_app_sources[i],
                                   1 + i, 4 * i);
    }
}

int main(int argc, char **argv) {
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    struct pool *pool = fixture_start();
    add_applications(pool);
    pthread_t threads[RELOADERS + SUBMITTERS];
    for (unsigned i = 0; i < RELOADERS + SUBMITTERS; i++) {
        void *arg = (void *)(uintptr_t)(seed * 1000 + i);
        pthread_create(&threads[i], NULL, i < RELOADERS ? reload_targets : submit_jobs, arg);
    }
    sleep(seconds);
    atomic_store(&s_is_over, true);
    for (unsigned i = 0; i < RELOADERS + SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    uint64_t start = clock_now_ns();
    int rc = pool_stop(pool, 20000);
    double stop_ms = (double)(clock_now_ns() - start) / 1e6;
    unsigned zombies = pool_zombies(pool);
    unsigned long submitted = atomic_load(&s_submitted);
    unsigned long ended = atomic_load(&s_run) + atomic_load(&s_abandoned);
    printf("python %s seed %u: %lu jobs, %lu run, %lu abandoned, %lu busy, %lu failed; "
           "%lu reloads, %lu kept; stopped in %.0f ms: %d; zombies %u\n",
           runtime_python_version(), seed, submitted, atomic_load(&s_run),
           atomic_load(&s_abandoned), atomic_load(&s_busy), atomic_load(&s_failed),
           atomic_load(&s_reloads), atomic_load(&s_kept), stop_ms, rc, zombies);
    pool_free(pool);
    bool is_well = submitted == ended && zombies == 0 && rc == 0;
    fflush(stdout);
    _exit(is_well ? 0 : 1); /* Python is never finalised */
}
