/** Jobs that wait when a pool is about to stop, and those that wait for nothing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/pool_fixture.h"

static const char *s_source = "import threading\n"
                              "may_go = threading.Event()\n"
                              "def wait(): may_go.wait(); return 'waited'\n"
                              "def f(): may_go.set(); return 'f'\n";

enum { MANY = 4, LONG_MS = 600000 };
static struct fixture_job s_jobs[MANY];

static void submit(struct pool_app *app, int index, const char *function) {
    fixture_job_init(&s_jobs[index], function);
    cr_assert(eq(int, pool_submit(app, &s_jobs[index].job, NULL), 0));
}

static struct pool_app *barred_app(struct pool *pool) {
    struct pool_app *app = fixture_app(pool, "barred", &s_source, 1, 10);
    fixture_reload(app);
    pool_gate_close(pool_app_interpreter(app));
    pool_bar(pool_app_interpreter(app));
    return app;
}

Test(pool_waiting, what_no_thread_has_begun_with_is_taken_out_in_its_order) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 1, 10);
    struct pool_app *loading = fixture_app(pool, "l", &s_source, 1, 10);
    struct pool_app_stats stats;
    fixture_reload(app);
    submit(app, 0, "wait");
    fixture_await_in_flight(app, 1);
    submit(app, 1, "f");
    submit(app, 2, "f");
    submit(loading, 3, "f");
    unsigned seen = 0, last_of_app = 0;
    for (struct job *job = pool_take_waiting(pool, false), *next; job; job = next) {
        int index = (int)((struct fixture_job *)job - s_jobs);
        next = job->next;
        seen |= 1u << index;
        if (index != 3) {
            cr_expect(gt(u32, (unsigned)index, last_of_app));
            last_of_app = (unsigned)index;
        }
    }
    cr_expect(eq(u32, seen, 1u << 1 | 1u << 2 | 1u << 3));
    /* They are the caller's, who may queue them again. */
    cr_assert(eq(int, pool_submit(app, &s_jobs[1].job, NULL), 0));
    pool_app_stats(app, &stats);
    cr_expect(eq(u32, stats.in_flight, 1));
    cr_expect(eq(u32, stats.queued, 1));
    fixture_exec(pool_current(pool_app_interpreter(app)),
                 "import gc, threading\n"
                 "[e.set() for e in gc.get_objects() if isinstance(e, threading.Event)]",
                 NULL);
    cr_expect(eq(int, pool_stop(pool, LONG_MS), 0));
    cr_expect_str_eq(s_jobs[1].result, "f");
    pool_free(pool);
}

Test(pool_waiting, a_barred_application_waits_for_another_process) {
    struct pool *pool = fixture_start();
    struct pool_app *app = barred_app(pool);
    struct error err;
    submit(app, 0, "f");
    cr_expect_eq(pool_take_waiting(pool, true), &s_jobs[0].job);
    fixture_job_init(&s_jobs[1], "f");
    cr_expect(eq(int, pool_submit(app, &s_jobs[1].job, &err), -1));
    cr_expect(eq(int, err.code, ERR_CLOSED));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_waiting, only_the_barred_ones_may_be_meant) {
    struct pool *pool = fixture_start();
    struct pool_app *loading = fixture_app(pool, "l", &s_source, 1, 10);
    struct pool_app *app = barred_app(pool);
    submit(loading, 0, "f");
    submit(app, 1, "f");
    struct job *jobs = pool_take_waiting(pool, true);
    cr_expect_eq(jobs, &s_jobs[1].job);
    cr_expect_null(jobs->next);
    fixture_reload(loading);
    fixture_job_wait(&s_jobs[0]);
    cr_expect_str_eq(s_jobs[0].result, "f");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_waiting, a_stop_does_not_wait_for_what_is_barred, .timeout = 60) {
    struct pool *pool = fixture_start();
    struct pool_app *app = barred_app(pool);
    submit(app, 0, "f");
    pool_stop(pool, LONG_MS);
    cr_expect(s_jobs[0].was_abandoned);
    pool_free(pool);
}
