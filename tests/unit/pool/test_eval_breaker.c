/**
 * eval_breaker makes every loop and call of an interpreter take the slow path: after what raised it
 * is over, it must be down.  (On 3.11 and 3.12 nothing lowers it but what CPython does when a
 * request is taken back, and what this host does.)
 */
#include "pool/python/py_compat.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "pool/base/clock.h"
#include "pool/python/attach.h"
#include "pool/python/cpython_inspect.h"
#include "pool/python/cpython_repairs.h"
#include "pool/python/interpreter.h"
#include "tests/support/pool_fixture.h"

enum { DEADLINE_MS = 20000 };

static const char *s_source = "def name():\n"
                              "    for i in range(1000):\n"
                              "        pass\n"
                              "    return 'done'\n";

static struct pool *s_pool;
static struct generation *s_generation;
static struct pool_app *s_app;

static void setup(void) {
    s_pool = fixture_start();
    s_app = fixture_app(s_pool, "a", &s_source, 2, 10);
    s_generation = fixture_reload(s_app);
}

static void teardown(void) {
    pool_stop(s_pool, 2000);
    pool_free(s_pool);
}

TestSuite(eval_breaker, .init = setup, .fini = teardown, .timeout = 100);

static int look(void *arg, struct error *err) {
    (void)err;
    *(bool *)arg = py_is_eval_breaker_up(PyInterpreterState_Get());
    return 0;
}

/* It may be up for a moment, because another thread waits for the GIL. */
static void await_down(void) {
    struct timespec now, end = clock_deadline(DEADLINE_MS);
    bool is_up = true;
    do {
        cr_assert(eq(int, pool_run(s_generation, look, &is_up, NULL), 0));
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (is_up && now.tv_sec < end.tv_sec);
    cr_expect(not(is_up));
}

Test(eval_breaker, is_down_after_a_load_and_after_a_request) {
    await_down();
    cr_expect_str_eq(fixture_call(s_app, "name"), "done");
    await_down();
}

static int interrupt_and_withdraw(void *arg, struct error *err) {
    (void)err;
    interpreter_interrupt(PyThread_get_thread_ident());
    *(bool *)arg = py_is_eval_breaker_up(PyInterpreterState_Get());
    interpreter_clear_interrupt();
    return 0;
}

static int clear_nothing(void *arg, struct error *err) {
    (void)arg, (void)err;
    interpreter_clear_interrupt();
    return 0;
}

Test(eval_breaker, is_down_after_an_interruption_that_was_withdrawn) {
    bool was_up = false;
    cr_assert(eq(int, pool_run(s_generation, clear_nothing, NULL, NULL), 0));
    await_down();
    cr_assert(eq(int, pool_run(s_generation, interrupt_and_withdraw, &was_up, NULL), 0));
    cr_expect(was_up);
    await_down();
}

Test(eval_breaker, is_down_after_an_interruption_that_was_raised) {
    struct error err;
    cr_expect(eq(int, fixture_exec_timed(s_generation, 50, "while True: pass", &err), -1));
    cr_expect(eq(int, (int)err.code, ERR_TIMEOUT));
    await_down();
    cr_expect_str_eq(fixture_call(s_app, "name"), "done");
    await_down();
}

/* ---- A request for the GIL that was passed on ---- */

static atomic_bool s_has_taken;

/** A thread of the main interpreter, which waits for the GIL once. */
static void *want_gil(void *arg) {
    PyThreadState *tstate = PyThreadState_New(PyInterpreterState_Main());
    PyEval_AcquireThread(tstate);
    atomic_store(&s_has_taken, true);
    PyThreadState_Clear(tstate);
    PyThreadState_DeleteCurrent();
    return arg;
}

static void await_request(PyInterpreterState *interpreter) {
    struct timespec now, end = clock_deadline(DEADLINE_MS);
    do {
        cpython_pass_on_gil_request();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!py_is_eval_breaker_up(interpreter) && now.tv_sec < end.tv_sec);
}

/** With the GIL held, until the other thread's request has been passed on to this interpreter.
 *  Then the GIL is let go by a state of another interpreter, as where one is created: the request
 *  is not taken back by that.  @return 0 if eval_breaker is down when nobody wants the GIL */
static int hold_until_wanted(void *arg, struct error *err) {
    PyThreadState *mine = PyThreadState_Get();
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    PyThreadState *main_tstate = PyThreadState_New(PyInterpreterState_Main());
    (void)arg;
    pthread_t thread;
    cr_assert(eq(int, pthread_create(&thread, NULL, want_gil, NULL), 0));
    await_request(interpreter);
    cr_expect(py_is_eval_breaker_up(interpreter));
    PyThreadState_Swap(main_tstate);
    PyEval_SaveThread();
    pthread_join(thread, NULL);
    cpython_pass_on_gil_request(); /* takes down what was passed on */
    PyEval_AcquireThread(main_tstate);
    bool is_up = py_is_eval_breaker_up(interpreter);
    PyThreadState_Clear(main_tstate);
    PyThreadState_Swap(mine);
    PyThreadState_Delete(main_tstate);
    return is_up ? error_set(err, ERR_FAILED, "eval_breaker is still up") : 0;
}

Test(eval_breaker, is_down_after_a_request_for_the_gil_was_passed_on) {
    struct error err = {0};
    if (!PY_GIL_REQUESTS_GET_LOST) {
        cr_skip_test("3.13 asks the thread that has the GIL");
    }
    cr_expect(eq(int, pool_run(s_generation, hold_until_wanted, NULL, &err), 0), "%s", err.text);
    cr_expect(atomic_load(&s_has_taken));
    await_down();
}
