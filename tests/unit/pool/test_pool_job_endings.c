/** Jobs that still run when their generation is to end. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool/python/runtime.h"
#include "tests/support/pool_fixture.h"

static struct pool *s_pool;

Test(pool_job_endings, a_job_that_was_given_up_is_not_waited_for, .timeout = 60) {
    const char *source = "import os, threading\n"
                         "r, w = os.pipe()\n"
                         "try: os.fstat(98)\n"
                         "except OSError: os.dup2(w, 98)\n"
                         "def f():\n"
                         "    os.write(99, str(threading.get_ident()).encode())\n"
                         "    os.readv(r, [bytearray(1)])\n";
    int told[2];
    char text[32] = "";
    cr_assert(eq(int, pipe(told), 0));
    cr_assert(eq(int, dup2(told[1], 99), 99));
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct fixture_job job;
    struct error err = {0};
    fixture_job_init(&job, "f");
    cr_assert(eq(int, pool_submit(app, &job.job, &err), 0));
    cr_assert(gt(long, read(told[0], text, sizeof text - 1), 0));
    pool_give_up_job(generation, strtoul(text, NULL, 10));
    struct pool_app_stats stats;
    pool_app_stats(app, &stats);
    cr_expect(eq(u32, stats.in_flight, 0));
    cr_expect(eq(int, pool_retire(generation, 24 * 3600 * 1000), GENERATION_ZOMBIE));
    cr_assert(eq(sz, (size_t)write(98, "x", 1), 1));
    fixture_job_wait(&job);
    while (pool_zombies(s_pool) > 0) {
        usleep(1000);
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

static void expect_systemexit(const char *source, const char *const *functions, int count) {
    enum { MOST = 8 };
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &source, MOST, 10);
    struct generation *generation = fixture_reload(app);
    struct fixture_job jobs[MOST];
    struct error err = {0};
    for (int i = 0; i < count; i++) {
        fixture_job_init(&jobs[i], functions[i]);
        cr_assert(eq(int, pool_submit(app, &jobs[i].job, &err), 0));
    }
    fixture_await_in_flight(app, (unsigned)count);
    cr_expect(eq(int, pool_retire(generation, 50), GENERATION_RETIRED));
    for (int i = 0; i < count; i++) {
        fixture_job_wait(&jobs[i]);
        cr_expect_str_eq(jobs[i].result, "SystemExit", "%s", functions[i]);
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}

Test(pool_job_endings, jobs_that_wait_for_an_event_get_systemexit_at_once, .timeout = 60) {
    static const char *const functions[] = {"get", "wait", "notified"};
    expect_systemexit("import queue, threading\n"
                      "q, e, c = queue.Queue(), threading.Event(), threading.Condition()\n"
                      "def get(): q.get()\n"
                      "def wait(): e.wait(3600)\n"
                      "def notified():\n"
                      "    with c: c.wait()\n",
                      functions, 3);
}

Test(pool_job_endings, jobs_that_wait_in_the_c_library_get_systemexit_too, .timeout = 60) {
    static const char *const functions[] = {"sleep", "read", "poll", "choose"};
    expect_systemexit("import os, select, time\n"
                      "def sleep(): time.sleep(3600)\n"
                      "def read(): os.read(os.pipe()[0], 1)\n"
                      "def choose(): select.select([os.pipe()[0]], [], [])\n"
                      "def poll():\n"
                      "    poll = select.poll()\n"
                      "    poll.register(os.pipe()[0], select.POLLIN)\n"
                      "    poll.poll()\n",
                      functions, 4);
}

/** Later versions wait for these locks as for their own: see waits.h. */
Test(pool_job_endings, jobs_that_wait_for_a_lock_get_systemexit_too, .timeout = 60) {
    static const char *const functions[] = {"acquire", "acquire_for"};
    if (strncmp(runtime_python_version(), "3.11.", 5) != 0) {
        cr_skip("of Python 3.11");
    }
    expect_systemexit("import threading\n"
                      "lock = threading.Lock()\n"
                      "lock.acquire()\n"
                      "def acquire(): lock.acquire()\n"
                      "def acquire_for(): lock.acquire(timeout=3600)\n",
                      functions, 2);
}

/** A buffer's lock is CPython's own: who waits for it must have it before going on. */
Test(pool_job_endings, locks_that_cpython_itself_needs_are_waited_for, .timeout = 60) {
    const char *source = "import io, os\n"
                         "r, w = os.pipe()\n"
                         "try: os.fstat(98)\n"
                         "except OSError: os.dup2(w, 98)\n"
                         "class Raw(io.RawIOBase):\n"
                         "    inside = 0\n"
                         "    def readable(self): return True\n"
                         "    def readinto(self, buffer):\n"
                         "        assert not Raw.inside\n"
                         "        Raw.inside = 1\n"
                         "        try: return os.readv(r, [buffer])\n"
                         "        finally: Raw.inside = 0\n"
                         "buffered = io.BufferedReader(Raw())\n"
                         "def f(): buffered.read(1)\n";
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
    cr_expect(eq(int, pool_retire(generation, 20), GENERATION_ZOMBIE));
    usleep(200 * 1000); /* both are interrupted more than once */
    cr_expect(not(jobs[0].has_run || jobs[1].has_run));
    cr_assert(eq(sz, (size_t)write(98, "x", 1), 1));
    for (int i = 0; i < 2; i++) {
        fixture_job_wait(&jobs[i]);
        cr_expect_str_eq(jobs[i].result, "SystemExit");
    }
    while (pool_zombies(s_pool) > 0) {
        usleep(1000);
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}
