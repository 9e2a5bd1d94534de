/** Functions on threads of their own: which of them are stopped, and when. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <unistd.h>

#include "pool/python/py_compat.h"
#include "tests/support/pool_fixture.h"

static const char *s_source = "";
static struct pool *s_pool;
static struct generation *s_generation;

static void set_up(void) {
    s_pool = fixture_start();
    s_generation = fixture_reload(fixture_app(s_pool, "a", &s_source, 1, 10));
}
static void tear_down(void) {
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_free(s_pool);
}
TestSuite(pool_run, .init = set_up, .fini = tear_down, .timeout = 60);

/** A run beside the test's own. */
struct beside {
    int started[2], released[2];
    int outcome;
    struct error err;
};

static void *run_beside(void *arg) {
    struct beside *beside = arg;
    char code[128];
    snprintf(code, sizeof code, "import os\nos.write(%d, b'x')\nos.read(%d, 1)", beside->started[1],
             beside->released[0]);
    beside->outcome = fixture_exec(s_generation, code, &beside->err);
    return NULL;
}

Test(pool_run, one_that_takes_too_long_is_stopped_and_those_beside_it_go_on) {
    struct beside beside = {.err = {0}};
    struct error err = {0};
    pthread_t thread;
    char byte;
    cr_assert(eq(int, pipe(beside.started), 0));
    cr_assert(eq(int, pipe(beside.released), 0));
    cr_assert(eq(int, pthread_create(&thread, NULL, run_beside, &beside), 0));
    cr_assert(eq(long, read(beside.started[0], &byte, 1), 1));
    cr_expect(eq(int, fixture_exec_timed(s_generation, 100, "while True: x = 1", &err), -1));
    cr_expect(eq(int, err.code, ERR_TIMEOUT));
    cr_assert(eq(long, write(beside.released[1], "x", 1), 1));
    cr_assert(eq(int, pthread_join(thread, NULL), 0));
    cr_expect(eq(int, beside.outcome, 0), "%s", beside.err.text);
}

/** A function that says when it has begun, and does not end by itself. */
struct endless {
    int begun[2];
    const char *code;
    bool is_over; /**< what `await` returns */
};

static int run_code(void *arg, struct error *err) {
    const struct endless *endless = arg;
    (void)err;
    PyObject *globals = PyDict_New();
    PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins());
    PyObject *fd = PyLong_FromLong(endless->begun[1]);
    PyDict_SetItemString(globals, "fd", fd);
    PyObject *result = PyRun_String(endless->code, Py_file_input, globals, globals);
    Py_DECREF(fd);
    Py_DECREF(globals);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static bool await_begun(void *arg) {
    struct endless *endless = arg;
    char byte;
    cr_assert(eq(long, read(endless->begun[0], &byte, 1), 1));
    return endless->is_over;
}

static int run_while(const char *code, bool is_over, struct error *err) {
    struct endless endless = {.code = code, .is_over = is_over};
    cr_assert(eq(int, pipe(endless.begun), 0));
    return pool_run_while(s_generation, await_begun, run_code, &endless, err);
}

Test(pool_run, one_that_is_not_awaited_any_longer_is_stopped) {
    struct error err = {0};
    cr_expect(
        eq(int, run_while("import os\nos.write(fd, b'x')\nwhile True: x = 1", false, &err), -1));
    cr_expect(eq(int, err.code, ERR_PYTHON));
    cr_expect(strstr(err.text, "SystemExit") != NULL, "%s", err.text);
}

Test(pool_run, one_that_is_stopped_may_end_in_its_own_way) {
    struct error err = {0};
    const char *code = "import os\n"
                       "try:\n"
                       "    os.write(fd, b'x')\n"
                       "    while True: x = 1\n"
                       "except SystemExit: pass\n";
    cr_expect(eq(int, run_while(code, false, &err), 0), "%s", err.text);
}

Test(pool_run, one_that_is_about_to_end_is_awaited) {
    struct error err = {0};
    cr_expect(eq(int, run_while("import os\nos.write(fd, b'x')", true, &err), 0), "%s", err.text);
}
