#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "tests/support/pool_fixture.h"

static const char *s_nothing = "";

static struct generation *published(struct pool *pool, const char *name) {
    return fixture_reload(fixture_app(pool, name, &s_nothing, 2, 10));
}

static void expect_exec(struct generation *generation, const char *statements) {
    struct error err = {0};
    cr_expect(eq(int, fixture_exec(generation, statements, &err), 0), "%s", err.text);
}

static void expect_eval(struct generation *generation, const char *expression, const char *value) {
    cr_expect_str_eq(fixture_eval(generation, expression), value, "%s is %s", expression,
                     fixture_eval(generation, expression));
}

Test(pool_interpreters, two_interpreters_share_no_modules) {
    struct pool *pool = fixture_start();
    struct generation *a = published(pool, "a");
    struct generation *b = published(pool, "b");
    expect_exec(a, "import sys, json; json.mark = 1; sys.modules['made_up'] = json");
    expect_eval(a, "sys.modules['made_up'].mark", "1");
    expect_eval(b, "'made_up' in sys.modules", "False");
    expect_eval(b, "hasattr(__import__('json'), 'mark')", "False");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, decimal_contexts_are_not_mixed_up) {
    struct pool *pool = fixture_start();
    struct generation *a = published(pool, "a");
    struct generation *b = published(pool, "b");
    /* Each call has a thread state of its own; two on one thread would be the same context. */
    const char *source = "import decimal\n"
                         "def set5(): decimal.getcontext().prec = 5\n"
                         "def set11(): decimal.getcontext().prec = 11\n"
                         "def get(): return decimal.getcontext().prec\n";
    struct pool_app *c = fixture_app(pool, "c", &source, 1, 10);
    struct pool_app *d = fixture_app(pool, "d", &source, 1, 10);
    fixture_reload(c);
    fixture_reload(d);
    fixture_call(c, "set5");
    fixture_call(d, "set11");
    cr_expect_str_eq(fixture_call(c, "get"), "5");
    cr_expect_str_eq(fixture_call(d, "get"), "11");
    (void)a, (void)b;
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, a_running_event_loop_is_seen_by_its_own_interpreter_only) {
    struct pool *pool = fixture_start();
    const char *source = "import asyncio\n"
                         "def enter(): asyncio._set_running_loop('a loop')\n"
                         "def leave(): asyncio._set_running_loop(None)\n"
                         "def get(): return asyncio._get_running_loop()\n";
    struct pool_app *a = fixture_app(pool, "a", &source, 1, 10);
    struct pool_app *b = fixture_app(pool, "b", &source, 1, 10);
    fixture_reload(a);
    fixture_reload(b);
    fixture_call(a, "enter");
    cr_expect_str_eq(fixture_call(b, "get"), "None");
    cr_expect_str_eq(fixture_call(a, "get"), "a loop");
    fixture_call(a, "leave");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, a_whole_event_loop_runs_in_each) {
    struct pool *pool = fixture_start();
    const char *source = "import asyncio, subprocess, sys\n"
                         "async def work():\n"
                         "    await asyncio.sleep(0.01)\n"
                         "    return await asyncio.to_thread(lambda: 'in a thread')\n"
                         "def f(): return asyncio.run(work())\n"
                         "def child():\n"
                         "    return subprocess.run([sys.executable, '-c', 'print(1 + 1)'],\n"
                         "                          capture_output=True, text=True).stdout\n";
    struct pool_app *a = fixture_app(pool, "a", &source, 2, 10);
    struct pool_app *b = fixture_app(pool, "b", &source, 2, 10);
    fixture_reload(a);
    fixture_reload(b);
    for (int i = 0; i < 4; i++) {
        cr_expect_str_eq(fixture_call(a, "f"), "in a thread");
        cr_expect_str_eq(fixture_call(b, "f"), "in a thread");
    }
    cr_expect_str_eq(fixture_call(a, "child"), "2\n");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, fork_is_refused_everywhere) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "main", true, POOL_GIL_SHARED);
    struct generation *generations[] = {
        published(pool, "a"),
        fixture_reload(fixture_app_in(main_interpreter, "m", &s_nothing, 1, 10)),
    };
    static const char *const forks[] = {
        "import os; os.fork()",
        "import os; os.forkpty()",
        "import posix; posix.fork()",
        "import multiprocessing as m\n"
        "m.get_context('fork').Process(target=print).start()",
        "import subprocess; subprocess.run(['true'], preexec_fn=print)",
    };
    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        for (size_t k = 0; k < sizeof forks / sizeof *forks; k++) {
            struct error err = {0};
            cr_expect(eq(int, fixture_exec(generations[i], forks[k], &err), -1));
            cr_expect(eq(int, err.code, ERR_PYTHON));
            cr_expect(strstr(err.text, "Error: ") != NULL, "%s", err.text);
        }
        expect_exec(generations[i], "import subprocess; subprocess.run(['true'], check=True)");
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, the_thread_that_loads_is_the_main_thread_and_serves) {
    struct pool *pool = fixture_start();
    const char *source =
        "import threading\n"
        "loader = threading.current_thread()\n"
        "def f(): return (loader is threading.main_thread(), loader.ident == "
        "threading.get_ident(), threading.current_thread() is threading.main_thread())\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "(True, True, True)");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

/* `threading` is imported by a thread that is not the home thread: during a request, here. */
Test(pool_interpreters, it_is_the_main_thread_whoever_imports_threading_first) {
    struct pool *pool = fixture_start();
    const char *source = "import _thread, sys\n"
                         "loader = _thread.get_ident()\n"
                         "def f():\n"
                         "    was_there = 'threading' in sys.modules\n"
                         "    import threading as t\n"
                         "    main = t.main_thread()\n"
                         "    done = []\n"
                         "    thread = t.Thread(target=lambda: done.append(t.current_thread()))\n"
                         "    thread.start(); thread.join()\n"
                         "    return (was_there, main.ident == loader, main.is_alive(),\n"
                         "            main in t.enumerate(), t.current_thread() is main,\n"
                         "            done == [thread], _thread.get_ident() == loader,\n"
                         "            main.native_id != _thread.get_native_id())\n"
                         "sys.modules['builtins'].f = f\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation = fixture_reload(app);
    cr_expect_str_eq(fixture_eval(generation, "f()"),
                     "(False, True, True, True, False, True, False, True)");
    /* Again on the home thread itself, which serves. */
    cr_expect_str_eq(fixture_call(app, "f"), "(True, True, True, True, True, True, True, False)");
    fixture_reload(app); /* the first generation ends without a complaint */
    cr_expect_str_eq(fixture_call(app, "f"), "(False, True, True, True, True, True, True, False)");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, the_gil_state_api_finds_the_interpreter_of_the_thread) {
    struct pool *pool = fixture_start();
    const char *source = "import sys, threading\n"
                         "sys.path.insert(0, '" TEST_EXTENSIONS "')\n"
                         "import gilstate as g\n"
                         "at_load = {g.interpreter(), g.nested(), g.released()}\n"
                         "def all(): return {g.interpreter(), g.nested(), g.released()}\n"
                         "def f():\n"
                         "    seen = at_load | all()\n"
                         "    t = threading.Thread(target=lambda: seen.update(all()))\n"
                         "    t.start(); t.join()\n"
                         "    return len(seen)\n"
                         "def number(): return g.interpreter()\n";
    struct pool_app *a = fixture_app(pool, "a", &source, 1, 10); /* the home thread only */
    struct pool_app *b = fixture_app(pool, "b", &source, 2, 10);
    fixture_reload(a);
    fixture_reload(b);
    cr_expect_str_eq(fixture_call(a, "f"), "1");
    cr_expect_str_neq(fixture_call(a, "number"), "0");
    cr_expect_str_eq(fixture_call(b, "f"), "1");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, with_a_gil_of_its_own_an_interpreter_serves_beside_the_others) {
    struct pool *pool = fixture_start();
    struct error err = {0};
    struct pool_interpreter *own;
    struct pool_interpreter_options options = {
        .name = "own", .gil = POOL_GIL_OWN, .stop_threads_ms = FIXTURE_STOP_THREADS_MS};
    if (pool_add_interpreter(pool, &options, &own, &err) != 0) {
        cr_expect(eq(int, err.code, ERR_USAGE));
        cr_expect(strstr(err.text, "3.13") != NULL, "%s", err.text);
        pool_free(pool);
        return;
    }
    const char *source = "import datetime, threading\n"
                         "def f(): return datetime.date(2026, 1, 2)\n"
                         "def leave_thread():\n"
                         "    stop = threading.Event()\n"
                         "    threading.Thread(target=stop.wait, daemon=True).start()\n";
    struct pool_app *a = fixture_app_in(own, "a", &source, 3, 10);
    struct pool_app *b = fixture_app(pool, "b", &source, 2, 10);
    fixture_reload(b);
    for (int i = 0; i < 3; i++) {
        fixture_reload(a);
        cr_expect_str_eq(fixture_call(a, "f"), "2026-01-02");
        cr_expect_str_eq(fixture_call(b, "f"), "2026-01-02");
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, a_gil_of_its_own_is_not_for_the_main_interpreter) {
    struct pool *pool = fixture_start();
    struct error err = {0};
    struct pool_interpreter *interpreter;
    struct pool_interpreter_options options = {.name = "m", .is_main = true, .gil = POOL_GIL_OWN};
    cr_expect(eq(int, pool_add_interpreter(pool, &options, &interpreter, &err), -1));
    cr_expect(eq(int, err.code, ERR_USAGE));
    pool_free(pool);
}

Test(pool_interpreters, there_is_one_main_interpreter) {
    struct pool *pool = fixture_start();
    struct error err = {0};
    struct pool_interpreter *second;
    struct pool_interpreter_options options = {.name = "m2", .is_main = true};
    fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    cr_expect(eq(int, pool_add_interpreter(pool, &options, &second, &err), -1));
    cr_expect(eq(int, err.code, ERR_USAGE));
    pool_free(pool);
}

Test(pool_interpreters, the_main_interpreter_has_one_generation_for_good) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    const char *source = "import gilstate";
    struct pool_app *app = fixture_app_in(main_interpreter, "a", &source, 3, 10);
    struct generation *generation;
    struct error err = {0};
    cr_expect(eq(int, pool_build(main_interpreter, 10000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_PYTHON), "a load that failed can be repeated");
    source = "import sys\n"
             "sys.path.insert(0, '" TEST_EXTENSIONS "')\n"
             "import gilstate, threading\n"
             "def f(): return {gilstate.interpreter(), gilstate.nested(), gilstate.released()}\n";
    fixture_reload(app);
    for (int i = 0; i < 5; i++) {
        cr_expect_str_eq(fixture_call(app, "f"), "{0}");
    }
    cr_expect(eq(int, pool_build(main_interpreter, 10000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_FAILED));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, two_applications_of_one_interpreter_share_its_modules_not_its_threads) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *shared = fixture_interpreter(pool, "s", false, POOL_GIL_SHARED);
    const char *first = "import json, threading; json.mark = 'from a'\n"
                        "def f(): return threading.get_ident()";
    const char *second = "import json, threading\n"
                         "def f(): return threading.get_ident()\n"
                         "def g(): return json.mark";
    struct pool_app *a = fixture_app_in(shared, "a", &first, 1, 10);
    struct pool_app *b = fixture_app_in(shared, "b", &second, 1, 10);
    fixture_reload(a);
    cr_expect_str_eq(fixture_call(b, "g"), "from a");
    char thread_of_a[64];
    strcpy(thread_of_a, fixture_call(a, "f"));
    cr_expect_str_neq(fixture_call(b, "f"), thread_of_a);
    cr_expect(eq(sz, pool_interpreter_app_count(shared), 2));
    cr_expect(eq(ptr, pool_interpreter_app(shared, 1), b));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(pool_interpreters, an_application_that_computes_does_not_stop_the_others) {
    struct pool *pool = fixture_start();
    static const char *computes = "def f():\n"
                                  "    while True: pass\n";
    static const char *waits = "import time\n"
                               "def f():\n"
                               "    time.sleep(0.001) # gives the GIL away, and wants it again\n"
                               "    return 'awake'\n";
    struct pool_app *a = fixture_app(pool, "a", &computes, 2, 10);
    struct pool_app *b = fixture_app(pool, "b", &waits, 2, 10);
    struct pool_app *m =
        fixture_app_in(fixture_interpreter(pool, "m", true, POOL_GIL_SHARED), "m", &waits, 1, 10);
    fixture_reload(a);
    fixture_reload(b);
    fixture_reload(m);
    struct fixture_job job;
    struct error err = {0};
    fixture_job_init(&job, "f");
    cr_assert(eq(int, pool_submit(a, &job.job, &err), 0));
    for (int i = 0; i < 10; i++) {
        cr_expect_str_eq(fixture_call(b, "f"), "awake");
        cr_expect_str_eq(fixture_call(m, "f"), "awake");
    }
    /* It is interrupted when its generation goes. */
    cr_expect(eq(int, pool_stop(pool, 10), 1), "the job did not end by itself");
    fixture_job_wait(&job);
    cr_expect_str_eq(job.result, "SystemExit");
    cr_expect(eq(u32, pool_zombies(pool), 0));
    pool_free(pool);
}
