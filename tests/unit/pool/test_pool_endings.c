#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/pool_fixture.h"

/*
 * What an application may leave behind, and how its generation ends.  The applications write to a
 * pipe what they did; in their texts, `fd` is its number.
 */
static int s_pipe[2];

static void open_pipe(void) {
    cr_assert(eq(int, pipe2(s_pipe, O_NONBLOCK), 0));
    cr_assert(eq(int, dup2(s_pipe[1], 99), 99));
}

#define TELL "import os\ntell = lambda text, write=os.write: write(99, text.encode())\n"

/** What was told since the last time. */
static const char *told(void) {
    static char s_text[4096];
    ssize_t size = read(s_pipe[0], s_text, sizeof s_text - 1);
    s_text[size > 0 ? size : 0] = '\0';
    return s_text;
}

static struct pool *s_pool;

/** Load an application, call its f(), and end it. @return the state of its generation */
static enum generation_state live_and_end(const char *source) {
    open_pipe();
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, 2, 10);
    struct generation *generation = fixture_reload(app);
    if (strstr(source, "def f(")) {
        fixture_call(app, "f");
    }
    return pool_retire(generation, 1000);
}

static void expect_retired(const char *source) {
    cr_expect(eq(int, live_and_end(source), GENERATION_RETIRED));
    cr_expect(eq(u32, pool_zombies(s_pool), 0));
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_endings, exit_functions_run_in_their_order) {
    fixture_retiring = TELL "tell('retiring ')";
    expect_retired(TELL "import atexit, threading\n"
                        "atexit.register(tell, 'first ')\n"
                        "atexit.register(tell, 'second ')\n"
                        "threading._register_atexit(tell, 'threads ')\n");
    cr_expect_str_eq(told(), "retiring threads second first ");
}

Test(pool_endings, an_exit_function_that_raises_does_not_keep_the_others) {
    expect_retired(TELL "import atexit, threading\n"
                        "atexit.register(tell, 'last')\n"
                        "atexit.register(lambda: 1 / 0)\n"
                        "atexit.register(lambda: exit(3))\n"
                        "threading._register_atexit(lambda: 1 / 0)\n");
    cr_expect_str_eq(told(), "last");
}

Test(pool_endings, daemon_threads_still_run_while_exit_functions_do) {
    /* A client that sends what it has collected when the process ends does it like this. */
    expect_retired(TELL "import atexit, queue, threading\n"
                        "jobs = queue.Queue()\n"
                        "def work():\n"
                        "    while True:\n"
                        "        tell(jobs.get()); jobs.task_done()\n"
                        "threading.Thread(target=work, daemon=True).start()\n"
                        "def flush(): jobs.put('flushed'); jobs.join()\n"
                        "atexit.register(flush)\n");
    cr_expect_str_eq(told(), "flushed");
}

Test(pool_endings, looping_threads_are_stopped) {
    expect_retired("import threading, time, _thread\n"
                   "def loop():\n"
                   "    while True: time.sleep(0.001)\n"
                   "def compute():\n"
                   "    n = 0\n"
                   "    while True: n += 1\n"
                   "for daemon in (True, False):\n"
                   "    threading.Thread(target=loop, daemon=daemon).start()\n"
                   "    threading.Thread(target=compute, daemon=daemon).start()\n"
                   "_thread.start_new_thread(loop, ())\n");
}

Test(pool_endings, threads_that_wait_for_each_other_are_stopped) {
    expect_retired("import queue, threading\n"
                   "q, e, c = queue.Queue(), threading.Event(), threading.Condition()\n"
                   "def wait():\n"
                   "    with c: c.wait()\n"
                   "for work in (q.get, e.wait, wait, lambda: e.wait(3600)):\n"
                   "    threading.Thread(target=work, daemon=True).start()\n"
                   "blocked = threading.Thread(target=e.wait)\n"
                   "blocked.start()\n"
                   "threading.Thread(target=blocked.join).start()\n");
}

Test(pool_endings, a_thread_that_catches_systemexit_a_few_times_is_stopped) {
    expect_retired("import threading, time\n"
                   "def stubborn():\n"
                   "    for i in range(3):\n"
                   "        try:\n"
                   "            while True: time.sleep(0.001)\n"
                   "        except BaseException: pass\n"
                   "threading.Thread(target=stubborn).start()\n");
}

Test(pool_endings, a_thread_that_ends_by_itself_is_waited_for) {
    expect_retired(TELL "import threading, time\n"
                        "stop = threading.Event()\n"
                        "def work():\n"
                        "    stop.wait(); time.sleep(0.05); tell('done')\n"
                        "threading.Thread(target=work).start()\n"
                        "import atexit; atexit.register(stop.set)\n");
    cr_expect_str_eq(told(), "done");
}

Test(pool_endings, executors_finish_what_they_have) {
    expect_retired(TELL "import time\n"
                        "from concurrent.futures import ThreadPoolExecutor\n"
                        "executor = ThreadPoolExecutor(2)\n"
                        "def work(): time.sleep(0.05); tell('x')\n"
                        "def f():\n"
                        "    for i in range(4): executor.submit(work)\n");
    cr_expect_str_eq(told(), "xxxx");
}

Test(pool_endings, an_executor_with_an_endless_task_is_stopped) {
    expect_retired("import time\n"
                   "from concurrent.futures import ThreadPoolExecutor\n"
                   "executor = ThreadPoolExecutor(2)\n"
                   "def work():\n"
                   "    while True: time.sleep(0.001)\n"
                   "def f():\n"
                   "    for i in range(2): executor.submit(work)\n");
}

Test(pool_endings, an_exit_function_that_never_ends_is_broken_off) {
    expect_retired(TELL "import atexit, time\n"
                        "def endless():\n"
                        "    while True: time.sleep(0.001)\n"
                        "atexit.register(tell, 'and the next')\n"
                        "atexit.register(endless)\n");
    cr_expect_str_eq(told(), "and the next");
}

Test(pool_endings, asyncio_leftovers_are_harmless) {
    expect_retired("import asyncio\n"
                   "loop = asyncio.new_event_loop()\n"
                   "async def forever():\n"
                   "    await asyncio.Event().wait()\n"
                   "async def generator():\n"
                   "    try:\n"
                   "        while True: yield 1\n"
                   "    finally: await asyncio.sleep(0)\n"
                   "g = generator()\n"
                   "async def start():\n"
                   "    loop.create_task(forever())\n"
                   "    loop.run_in_executor(None, lambda: 1)\n"
                   "    return await g.__anext__()\n"
                   "def f(): return loop.run_until_complete(start())\n");
}

Test(pool_endings, suspended_generators_and_finalizers_are_harmless) {
    expect_retired("import threading\n"
                   "def g():\n"
                   "    try:\n"
                   "        while True: yield 1\n"
                   "    finally: import json\n"
                   "suspended = g(); next(suspended)\n"
                   "class Again:\n"
                   "    def __del__(self): global kept; kept = self\n"
                   "kept = Again()\n"
                   "local = threading.local(); local.x = Again()\n");
}

Test(pool_endings, a_finalizer_cannot_start_a_thread_in_an_interpreter_that_has_gone) {
    expect_retired(TELL "import threading, time\n"
                        "def run(sleep=time.sleep, tell=tell): sleep(0.1); tell('ran')\n"
                        "class Starts:\n"
                        "    def __del__(self, Thread=threading.Thread, run=run):\n"
                        "        Thread(target=run, daemon=True).start()\n"
                        "cycle = Starts(); cycle.self = cycle\n");
    struct timespec longer = {0, 300 * 1000 * 1000};
    nanosleep(&longer, NULL); /* would it run, it would tell (and use freed memory) */
    cr_expect_str_eq(told(), "");
}

Test(pool_endings, a_thread_that_registers_an_exit_function_as_it_is_stopped_is_harmless) {
    expect_retired("import atexit, threading, time\n"
                   "def loop():\n"
                   "    while True: time.sleep(0.001)\n"
                   "def start(): threading.Thread(target=loop, daemon=True).start()\n"
                   "def work():\n"
                   "    try: loop()\n"
                   "    finally: atexit.register(start)\n"
                   "threading.Thread(target=work).start()\n");
}

Test(pool_endings, an_exit_function_that_starts_a_thread_is_harmless) {
    expect_retired("import atexit, threading, time\n"
                   "def loop():\n"
                   "    while True: time.sleep(0.001)\n"
                   "def start(): threading.Thread(target=loop, daemon=True).start()\n"
                   "atexit.register(start)\n"
                   "atexit.register(lambda: atexit.register(start))\n");
}

Test(pool_endings, a_thread_blocked_in_c_makes_a_zombie_that_is_ended_when_it_returns) {
    const char *source =
        "import os, threading\n"
        "r, w = os.pipe()\n"
        "os.dup2(w, 98); os.close(w)\n"
        "threading.Thread(target=os.readv, args=(r, [bytearray(1)]), daemon=True).start()\n";
    cr_expect(eq(int, live_and_end(source), GENERATION_ZOMBIE));
    cr_expect(eq(u32, pool_zombies(s_pool), 1));
    cr_expect(eq(u32, fixture_states[GENERATION_ZOMBIE], 1));
    const char *other = "def f(): return 'serves'";
    struct pool_app *app = fixture_app(s_pool, "b", &other, 2, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "serves");
    fixture_reload(app); /* tries again, in vain */
    cr_expect(eq(u32, pool_zombies(s_pool), 1));
    cr_assert(eq(sz, (size_t)write(98, "x", 1), 1));
    unsigned tries = 0;
    while (pool_zombies(s_pool) > 0 && tries++ < 100) {
        fixture_reload(app);
    }
    cr_expect(eq(u32, pool_zombies(s_pool), 0));
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_endings, a_zombie_that_stays_is_reported_by_stop) {
    cr_expect(
        eq(int,
           live_and_end("import os, threading\n"
                        "r, w = os.pipe()\n"
                        "threading.Thread(target=os.readv, args=(r, [bytearray(1)])).start()\n"),
           GENERATION_ZOMBIE));
    cr_expect(eq(int, pool_stop(s_pool, 100), 1));
    pool_free(s_pool);
}

Test(pool_endings, a_job_that_blocks_in_c_makes_a_zombie_and_is_finished_later) {
    const char *source = "import os\n"
                         "r, w = os.pipe()\n"
                         "try: os.fstat(98)\n"
                         "except OSError: os.dup2(w, 98)\n"
                         "def f(): os.readv(r, [bytearray(1)]); return 'read'\n"
                         "def g(): return 'g'\n";
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, 1, 10);
    fixture_reload(app);
    struct fixture_job job;
    struct error err = {0};
    fixture_job_init(&job, "f");
    cr_assert(eq(int, pool_submit(app, &job.job, &err), 0));
    fixture_await_in_flight(app, 1);
    struct generation *first = pool_current(pool_app_interpreter(app));
    struct generation *second = fixture_build(app);
    cr_assert(eq(int, pool_publish(second, &err), 0));
    cr_expect(eq(int, pool_retire(first, 20), GENERATION_ZOMBIE));
    cr_expect_str_eq(fixture_call(app, "g"), "g", "the new one serves meanwhile");
    cr_assert(eq(sz, (size_t)write(98, "x", 1), 1));
    fixture_job_wait(&job);
    cr_expect(job.has_run);
    while (pool_zombies(s_pool) > 0) { /* it ends by itself now */
        usleep(1000);
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_endings, a_job_that_goes_on_after_the_drain_time_gets_systemexit) {
    const char *source = "import time\n"
                         "def f():\n"
                         "    while True: time.sleep(0.001)\n";
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, 2, 10);
    struct generation *generation = fixture_reload(app);
    struct fixture_job jobs[2];
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        fixture_job_init(&jobs[i], "f");
        cr_assert(eq(int, pool_submit(app, &jobs[i].job, &err), 0));
    }
    fixture_await_in_flight(app, 2);
    cr_expect(eq(int, pool_retire(generation, 50), GENERATION_RETIRED));
    for (int i = 0; i < 2; i++) {
        fixture_job_wait(&jobs[i]);
        cr_expect_str_eq(jobs[i].result, "SystemExit");
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_endings, a_job_within_the_drain_time_is_finished) {
    const char *source = "import time\n"
                         "def f(): time.sleep(0.2); return 'finished'\n";
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct fixture_job job;
    struct error err = {0};
    fixture_job_init(&job, "f");
    cr_assert(eq(int, pool_submit(app, &job.job, &err), 0));
    fixture_await_in_flight(app, 1);
    cr_expect(eq(int, pool_retire(generation, 10000), GENERATION_RETIRED));
    fixture_job_wait(&job);
    cr_expect_str_eq(job.result, "finished");
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_endings, the_main_interpreter_s_exit_functions_run_when_the_pool_stops) {
    open_pipe();
    s_pool = fixture_start();
    const char *source = TELL "import atexit; atexit.register(tell, 'main')";
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(s_pool, "m", true, POOL_GIL_SHARED);
    fixture_reload(fixture_app_in(main_interpreter, "m", &source, 2, 10));
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    cr_expect_str_eq(told(), "main");
    pool_free(s_pool);
}
