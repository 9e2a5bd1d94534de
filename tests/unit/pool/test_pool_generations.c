#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/pool_fixture.h"

/** For loads that never end: long enough to get there, on a busy machine. */
enum { LOAD_MS = 1500 };

static const char *s_hello = "def f(): return 'hello'";

/** Build what cannot be built. @return err->code; the text in *err */
static enum error_code failure(struct pool_app *app, unsigned timeout_ms, struct error *err) {
    struct generation *generation;
    *err = (struct error){0};
    cr_assert(eq(int, pool_build(pool_app_interpreter(app), timeout_ms, &generation, err), -1));
    return err->code;
}

Test(pool_generations, a_job_runs_in_the_published_generation) {
    const char *source = "def f(): return 'hello'";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 2, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    source = "def f(): return 'changed'";
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "changed");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    cr_expect(eq(u32, fixture_states[GENERATION_RETIRED], 2));
    pool_free(pool);
}

Test(pool_generations, it_goes_through_its_states) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 2, 10);
    struct pool_interpreter *interpreter = pool_app_interpreter(app);
    struct error err;
    cr_expect(eq(ptr, pool_current(interpreter), NULL));
    struct generation *first = fixture_build(app);
    cr_expect(eq(int, generation_state(first), GENERATION_LOADING));
    cr_expect(eq(u64, generation_number(first), 1));
    cr_expect(eq(ptr, generation_interpreter(first), interpreter));
    cr_expect(gt(dbl, generation_load_ms(first), 0.0));
    cr_expect_not_null(generation_interpreter_state(first));
    cr_expect(eq(ptr, pool_current(interpreter), NULL));
    cr_assert(eq(int, pool_publish(first, &err), 0));
    cr_expect(eq(int, generation_state(first), GENERATION_SERVING));
    cr_expect(eq(ptr, pool_current(interpreter), first));
    struct generation *second = fixture_build(app);
    cr_expect(eq(u64, generation_number(second), 2));
    cr_assert(eq(int, pool_publish(second, &err), 0));
    cr_expect(eq(int, generation_state(first), GENERATION_DRAINING));
    cr_expect(eq(int, pool_retire(first, 1000), GENERATION_RETIRED));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    cr_expect(eq(u32, fixture_states[GENERATION_LOADING], 2));
    cr_expect(eq(u32, fixture_states[GENERATION_SERVING], 2));
    cr_expect(eq(u32, fixture_states[GENERATION_DRAINING], 2));
    cr_expect(eq(u32, fixture_states[GENERATION_RETIRED], 2));
    cr_expect(eq(u32, fixture_states[GENERATION_FAILED], 0));
    pool_free(pool);
}

Test(pool_generations, jobs_wait_until_the_application_has_loaded) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 1, 10);
    struct fixture_job jobs[3];
    struct error err;
    for (int i = 0; i < 3; i++) {
        fixture_job_init(&jobs[i], "f");
        cr_assert(eq(int, pool_submit(app, &jobs[i].job, &err), 0));
    }
    struct pool_app_stats stats;
    pool_app_stats(app, &stats);
    cr_expect(eq(u32, stats.queued, 3));
    fixture_reload(app);
    for (int i = 0; i < 3; i++) {
        fixture_job_wait(&jobs[i]);
        cr_expect_str_eq(jobs[i].result, "hello");
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_app_stats(app, &stats);
    cr_expect(eq(u64, stats.requests, 3));
    cr_expect(eq(u32, stats.queued, 0));
    cr_expect(eq(u32, stats.in_flight, 0));
    pool_free(pool);
}

Test(pool_generations, an_import_error_leaves_the_old_one_serving) {
    const char *source = s_hello;
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 2, 10);
    struct generation *first = fixture_reload(app);
    struct error err;
    source = "x = 1\nimport not_there_at_all";
    cr_expect(eq(int, failure(app, 10000, &err), ERR_PYTHON));
    cr_expect(strstr(err.text, "Traceback (most recent call last)") == err.text, "%s", err.text);
    cr_expect(strstr(err.text, "line 2") != NULL, "%s", err.text);
    cr_expect(strstr(err.text, "ModuleNotFoundError: No module named 'not_there_at_all'") != NULL);
    source = "raise SystemExit(3)";
    cr_expect(eq(int, failure(app, 10000, &err), ERR_PYTHON));
    cr_expect(strstr(err.text, "SystemExit: 3") != NULL, "%s", err.text);
    cr_expect(eq(ptr, pool_current(pool_app_interpreter(app)), first));
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    cr_expect(eq(u32, fixture_states[GENERATION_FAILED], 2));
    cr_expect(eq(u32, pool_zombies(pool), 0));
    source = "def f(): return 'repaired'";
    cr_expect(eq(u64, generation_number(fixture_reload(app)), 4));
    cr_expect_str_eq(fixture_call(app, "f"), "repaired");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, an_exception_that_the_setup_hook_leaves_is_what_failed) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 2, 10);
    struct error err;
    fixture_setup = "1 / 0";
    cr_expect(eq(int, failure(app, 10000, &err), ERR_PYTHON));
    cr_expect(strstr(err.text, "ZeroDivisionError") != NULL, "%s", err.text);
    fixture_setup = NULL;
    fixture_reload(app);
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, an_endless_loop_while_loading_is_broken_off) {
    const char *source = "n = 0\nwhile True: n += 1";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 2, 10);
    struct error err;
    cr_expect(eq(int, failure(app, LOAD_MS, &err), ERR_TIMEOUT));
    cr_expect(strstr(err.text, "line 2") != NULL, "it says where it was: %s", err.text);
    cr_expect(eq(u32, fixture_states[GENERATION_FAILED], 1));
    cr_expect(eq(u32, pool_zombies(pool), 0));
    source = s_hello;
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, a_load_that_catches_systemexit_is_interrupted_again) {
    const char *source = "import time\n"
                         "for i in range(3):\n"
                         "    try:\n"
                         "        while True: time.sleep(0.001)\n"
                         "    except BaseException: pass\n";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct error err;
    cr_expect(eq(int, failure(app, LOAD_MS, &err), ERR_TIMEOUT), "although it loaded in the end");
    cr_expect(eq(u32, fixture_states[GENERATION_FAILED], 1));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, a_load_that_blocks_for_ever_is_a_zombie) {
    const char *source = "import os\n"
                         "r, w = os.pipe()\n"
                         "os.readv(r, [bytearray(1)])\n";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct error err;
    cr_expect(eq(int, failure(app, LOAD_MS, &err), ERR_TIMEOUT));
    cr_expect(eq(u32, pool_zombies(pool), 1));
    source = s_hello;
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    cr_expect(eq(int, pool_stop(pool, 1000), 1), "something is left");
    pool_free(pool);
}

struct builder {
    struct pool_app *app;
    enum error_code code;
};

static void *build_in_a_thread(void *arg) {
    struct builder *builder = arg;
    struct generation *generation;
    struct error err = {0};
    if (pool_build(pool_app_interpreter(builder->app), 5000, &generation, &err) == 0) {
        pool_discard(generation);
    }
    builder->code = err.code;
    return NULL;
}

Test(pool_generations, one_is_built_at_a_time) {
    const char *source = "import time; time.sleep(0.3)";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct builder builders[2] = {{app, ERR_NONE}, {app, ERR_NONE}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, build_in_a_thread, &builders[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect(eq(int, (int)builders[0].code + (int)builders[1].code, ERR_BUSY));
    pool_free(pool);
}

Test(pool_generations, one_that_is_discarded_never_served) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 3, 10);
    fixture_reload(app);
    pool_discard(fixture_build(app));
    cr_expect(eq(u32, fixture_states[GENERATION_RETIRED], 1));
    cr_expect(eq(u32, fixture_states[GENERATION_DRAINING], 0));
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, a_check_runs_in_one_that_does_not_serve_yet) {
    const char *source = "import sys; sys.mark = 'first'";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *first = fixture_reload(app);
    source = "import sys; sys.mark = 'second'";
    struct generation *second = fixture_build(app);
    cr_expect_str_eq(fixture_eval(second, "sys.mark"), "second");
    cr_expect_str_eq(fixture_eval(first, "sys.mark"), "first");
    struct error err = {0};
    cr_expect(eq(int, fixture_exec(second, "1 / 0", &err), -1));
    cr_expect(eq(int, err.code, ERR_PYTHON));
    pool_discard(second);
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, a_check_that_takes_too_long_is_broken_off) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct error err = {0};
    cr_expect(eq(int, fixture_exec_timed(generation, 100, "while True: x = 1", &err), -1));
    cr_expect(eq(int, err.code, ERR_TIMEOUT));
    cr_expect(strstr(err.text, "cannot be stopped") == NULL, "%s", err.text);
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

static int block(void *arg, struct error *err) {
    (void)err;
    extern void *PyEval_SaveThread(void);
    extern void PyEval_RestoreThread(void *);
    char byte;
    void *state = PyEval_SaveThread();
    ssize_t got = read(*(int *)arg, &byte, 1);
    PyEval_RestoreThread(state);
    return got == 1 ? 0 : -1;
}

Test(pool_generations, a_check_that_cannot_be_broken_off_keeps_the_generation_from_being_ended) {
    static int ends[2];
    cr_assert(eq(int, pipe(ends), 0));
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_hello, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct error err = {0};
    cr_expect(eq(int, pool_run_timed(generation, 20, block, &ends[0], &err), -1));
    cr_expect(eq(int, err.code, ERR_TIMEOUT));
    cr_expect_str_eq(fixture_call(app, "f"), "hello");
    fixture_reload(app);
    cr_expect(eq(u32, pool_zombies(pool), 1));
    cr_assert(eq(sz, (size_t)write(ends[1], "x", 1), 1)); /* now it can be */
    while (pool_zombies(pool) > 0) {
        usleep(1000);
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, an_interpreter_without_applications_can_be_used_for_checks) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *bare = fixture_interpreter(pool, "b", false, POOL_GIL_SHARED);
    struct generation *generation;
    struct error err = {0};
    cr_assert(eq(int, pool_build(bare, 10000, &generation, &err), 0));
    cr_expect_str_eq(fixture_eval(generation, "1 + 1"), "2");
    pool_discard(generation);
    pool_free(pool);
}

Test(pool_generations, an_interpreter_is_removed_with_what_waits_for_it) {
    struct pool *pool = fixture_start();
    struct pool_app *a = fixture_app(pool, "a", &s_hello, 1, 10);
    struct pool_app *b = fixture_app(pool, "b", &s_hello, 1, 10);
    fixture_reload(a);
    fixture_reload(b);
    pool_gate_close(pool_app_interpreter(a));
    struct fixture_job job;
    struct error err = {0};
    fixture_job_init(&job, "f");
    cr_assert(eq(int, pool_submit(a, &job.job, &err), 0));
    cr_expect(eq(int, pool_remove_interpreter(pool_app_interpreter(a), 1000, &err), 0));
    fixture_job_wait(&job);
    cr_expect(job.was_abandoned);
    cr_expect_str_eq(fixture_call(b, "f"), "hello");
    struct pool_app *again = fixture_app(pool, "a", &s_hello, 1, 10);
    fixture_reload(again);
    cr_expect_str_eq(fixture_call(again, "f"), "hello");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_generations, no_more_applications_once_it_was_loaded) {
    struct pool *pool = fixture_start();
    struct pool_app *a = fixture_app(pool, "a", &s_hello, 1, 10), *late;
    fixture_reload(a);
    struct error err = {0};
    struct pool_app_options options = {.name = "late", .threads = 1, .user = &s_hello};
    cr_expect(eq(int, pool_add_app(pool_app_interpreter(a), &options, &late, &err), -1));
    cr_expect(eq(int, err.code, ERR_USAGE));
    options.threads = 0;
    struct pool_interpreter *other = fixture_interpreter(pool, "o", false, POOL_GIL_SHARED);
    cr_expect(eq(int, pool_add_app(other, &options, &late, &err), -1));
    cr_expect(eq(int, err.code, ERR_USAGE));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

/* ---- Under load ---- */

enum { SUBMITTERS = 3, JOBS = 40, RELOADS = 50 };

static struct pool_app *s_app;
static atomic_bool s_is_over;
static atomic_uint s_lost, s_ran, s_went_back;

static void *submit_for_ever(void *arg) {
    (void)arg;
    static _Thread_local struct fixture_job tl_jobs[JOBS];
    uint64_t generation = 0;
    while (!atomic_load(&s_is_over)) {
        struct error err;
        pool_batch_begin();
        for (int i = 0; i < JOBS; i++) {
            fixture_job_init(&tl_jobs[i], "f");
            atomic_fetch_add(&s_lost, pool_submit(s_app, &tl_jobs[i].job, &err) != 0);
        }
        pool_batch_end();
        uint64_t newest = generation;
        for (int i = 0; i < JOBS; i++) {
            fixture_job_wait(&tl_jobs[i]);
            atomic_fetch_add(&s_lost, strcmp(tl_jobs[i].result, "hello") != 0);
            atomic_fetch_add(&s_went_back, tl_jobs[i].generation < generation);
            newest = tl_jobs[i].generation > newest ? tl_jobs[i].generation : newest;
        }
        generation = newest;
        atomic_fetch_add(&s_ran, JOBS);
    }
    return NULL;
}

Test(pool_generations, no_job_is_lost_while_generations_come_and_go, .timeout = 100) {
    struct pool *pool = fixture_start();
    s_app = fixture_app(pool, "a", &s_hello, 4, SUBMITTERS * JOBS);
    fixture_reload(s_app);
    pthread_t threads[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_create(&threads[i], NULL, submit_for_ever, NULL);
    }
    for (int i = 0; i < RELOADS; i++) {
        fixture_reload(s_app);
    }
    atomic_store(&s_is_over, true);
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect(eq(u32, s_lost, 0));
    cr_expect(eq(u32, s_went_back, 0), "a batch after a switch saw the generation before");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    struct pool_app_stats stats;
    pool_app_stats(s_app, &stats);
    cr_expect(eq(u64, stats.requests, s_ran));
    cr_expect(eq(u32, fixture_states[GENERATION_RETIRED], RELOADS + 1));
    pool_free(pool);
}
