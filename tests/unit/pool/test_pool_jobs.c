#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/pool_fixture.h"

static const char *s_source = "import threading\n"
                              "may_go = threading.Event()\n"
                              "def wait(): may_go.wait(); return 'waited'\n"
                              "def go(): may_go.set()\n"
                              "def f(): return 'f'\n"
                              "def who(): return threading.get_ident()\n";

enum { MANY = 6 };
static struct fixture_job s_jobs[MANY];

static void submit(struct pool_app *app, int index, const char *function) {
    struct error err = {0};
    fixture_job_init(&s_jobs[index], function);
    cr_assert(eq(int, pool_submit(app, &s_jobs[index].job, &err), 0), "%s", err.text);
}

static enum error_code refusal(struct pool_app *app, struct error *err) {
    static struct fixture_job s_refused;
    fixture_job_init(&s_refused, "f");
    *err = (struct error){0};
    cr_assert(eq(int, pool_submit(app, &s_refused.job, err), -1));
    return err->code;
}

static struct pool_app_stats stats_of(struct pool_app *app) {
    struct pool_app_stats stats;
    pool_app_stats(app, &stats);
    return stats;
}

Test(pool_jobs, one_more_than_threads_and_queue_is_busy_and_others_do_not_notice) {
    struct pool *pool = fixture_start();
    struct pool_app *slow = fixture_app(pool, "slow", &s_source, 2, 1);
    struct pool_app *other = fixture_app(pool, "other", &s_source, 1, 0);
    fixture_reload(slow);
    fixture_reload(other);
    submit(slow, 0, "wait");
    submit(slow, 1, "wait");
    submit(slow, 2, "go");
    struct error err;
    cr_expect(eq(int, refusal(slow, &err), ERR_BUSY));
    cr_expect(strstr(err.text, "slow") != NULL, "%s", err.text);
    cr_expect_str_eq(fixture_call(other, "f"), "f");
    cr_expect(eq(u64, stats_of(slow).rejected, 1));
    cr_expect(eq(u64, stats_of(other).rejected, 0));
    /* Both threads wait for what only the job behind them does. */
    fixture_await_in_flight(slow, 2);
    cr_expect(eq(int,
                 fixture_exec(pool_current(pool_app_interpreter(slow)),
                              "import gc, threading\n"
                              "[o.set() for o in gc.get_objects()\n"
                              " if isinstance(o, threading.Event)]",
                              &err),
                 0));
    for (int i = 0; i < 3; i++) {
        fixture_job_wait(&s_jobs[i]);
        cr_expect(s_jobs[i].has_run);
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    cr_expect(eq(u64, stats_of(slow).requests, 3));
    pool_free(pool);
}

Test(pool_jobs, a_job_that_waits_does_not_keep_the_next_one_from_running) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 3, 10);
    fixture_reload(app);
    pool_batch_begin();
    submit(app, 0, "wait");
    submit(app, 1, "wait");
    submit(app, 2, "go");
    pool_batch_end();
    for (int i = 0; i < 3; i++) {
        fixture_job_wait(&s_jobs[i]);
    }
    cr_expect_str_eq(s_jobs[0].result, "waited");
    cr_expect_str_eq(s_jobs[1].result, "waited");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_jobs, the_same_thread_takes_one_job_after_the_other) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 4, 10);
    fixture_reload(app);
    char first[64];
    strcpy(first, fixture_call(app, "who"));
    for (int i = 0; i < 5; i++) {
        fixture_await_in_flight(app, 0);
        cr_expect_str_eq(fixture_call(app, "who"), first);
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_jobs, a_closed_gate_holds_jobs_back) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 2, 10);
    struct pool_interpreter *interpreter = pool_app_interpreter(app);
    pool_gate_close(interpreter);
    fixture_reload(app);
    pool_gate_close(interpreter);
    submit(app, 0, "f");
    submit(app, 1, "f");
    pool_gate_open(interpreter);
    /* The check that the gate was closed for. */
    cr_expect_str_eq(fixture_eval(pool_current(interpreter), "1 + 1"), "2");
    cr_expect(eq(u32, stats_of(app).queued, 2));
    cr_expect(eq(u32, stats_of(app).in_flight, 0));
    pool_gate_open(interpreter);
    fixture_job_wait(&s_jobs[0]);
    fixture_job_wait(&s_jobs[1]);
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_jobs, a_failed_application_says_why_and_abandons_what_waits) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 2, 10);
    struct error err, why;
    submit(app, 0, "f");
    error_set(&why, ERR_PYTHON, "it is broken");
    pool_app_set_failed(app, &why);
    fixture_job_wait(&s_jobs[0]);
    cr_expect(s_jobs[0].was_abandoned);
    cr_expect(eq(int, refusal(app, &err), ERR_FAILED));
    cr_expect(strstr(err.text, "it is broken") != NULL, "%s", err.text);
    pool_app_set_failed(app, NULL);
    submit(app, 1, "f");
    error_set(&why, ERR_PYTHON, "again");
    pool_app_set_failed(app, &why);
    fixture_job_wait(&s_jobs[1]);
    fixture_reload(app); /* loaded at last: it is not failed any more */
    cr_expect_str_eq(fixture_call(app, "f"), "f");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_jobs, stopping_runs_what_is_queued_and_takes_no_more) {
    struct pool *pool = fixture_start();
    const char *source = "import time\n"
                         "def f(): time.sleep(0.02); return 'f'\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    fixture_reload(app);
    for (int i = 0; i < MANY; i++) {
        submit(app, i, "f");
    }
    cr_expect(eq(int, pool_stop(pool, 10000), 0));
    for (int i = 0; i < MANY; i++) {
        fixture_job_wait(&s_jobs[i]);
        cr_expect(s_jobs[i].has_run);
    }
    struct error err;
    struct generation *generation;
    cr_expect(eq(int, refusal(app, &err), ERR_CLOSED));
    cr_expect(eq(int, pool_build(pool_app_interpreter(app), 1000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_CLOSED));
    pool_free(pool);
}

Test(pool_jobs, stopping_abandons_what_cannot_run_in_time) {
    struct pool *pool = fixture_start();
    struct pool_app *never_loaded = fixture_app(pool, "n", &s_source, 1, 10);
    struct pool_app *gated = fixture_app(pool, "g", &s_source, 1, 10);
    fixture_reload(gated);
    pool_gate_close(pool_app_interpreter(gated));
    submit(never_loaded, 0, "f");
    submit(gated, 1, "f");
    cr_expect(eq(int, pool_stop(pool, 100), 1));
    fixture_job_wait(&s_jobs[0]);
    fixture_job_wait(&s_jobs[1]);
    cr_expect(s_jobs[0].was_abandoned);
    cr_expect(s_jobs[1].was_abandoned);
    cr_expect(eq(u32, pool_zombies(pool), 0));
    pool_free(pool);
}

Test(pool_jobs, a_lease_names_the_thread_as_python_does) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 2, 10);
    fixture_reload(app);
    for (int i = 0; i < 2; i++) {
        submit(app, i, "who");
        fixture_job_wait(&s_jobs[i]);
        char ident[64];
        snprintf(ident, sizeof ident, "%lu", s_jobs[i].thread_ident);
        cr_expect_str_eq(s_jobs[i].result, ident);
        cr_expect(lt(u32, s_jobs[i].thread_index, 2));
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}
