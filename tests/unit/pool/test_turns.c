#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdatomic.h>

#include "pool/base/clock.h"
#include "pool/python/py_compat.h"
#include "tests/support/pool_fixture.h"

#define INTERVAL "round(1e6 * sys.getswitchinterval())"

static const char *s_tells = "import sys\n"
                             "at_load = " INTERVAL "\n"
                             "def f(): return (at_load, " INTERVAL ")\n";

Test(turns, threads_take_shorter_turns_while_something_loads_beside_others_that_serve) {
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_tells, 1, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "(5000, 5000)"); /* nobody was there to wait for */
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "(1000, 5000)");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(turns, what_an_application_sets_itself_stays) {
    struct pool *pool = fixture_start();
    const char *source = "import sys\n"
                         "at_load = " INTERVAL "\n"
                         "sys.setswitchinterval(0.003)\n"
                         "def f(): return (at_load, " INTERVAL ")\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "(5000, 3000)");
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "f"), "(1000, 3000)");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(turns, a_load_that_fails_ends_them) {
    struct pool *pool = fixture_start();
    const char *source = s_tells;
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    fixture_reload(app);
    source = "1 / 0";
    struct generation *generation;
    struct error err = {0};
    cr_assert(eq(int, pool_build(pool_app_interpreter(app), 10000, &generation, &err), -1));
    cr_expect_str_eq(fixture_call(app, "f"), "(5000, 5000)");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

/* ---- Under load ---- */

static struct pool_app *s_app;
static atomic_bool s_is_over;
static atomic_uint s_answers;

static void *ask(void *arg) {
    (void)arg;
    while (!s_is_over) {
        cr_assert_str_eq(fixture_call(s_app, "f"), "done");
        s_answers++;
    }
    return NULL;
}

/**
 * An import that gives the GIL away a hundred thousand times, beside threads that compute.  It
 * hardly got on before: each time it waited for several requests.  The test would run out of time.
 */
Test(turns, a_load_gets_on_beside_requests_that_never_end, .timeout = 40) {
    enum { CLIENTS = 4 };
    pthread_t clients[CLIENTS];
    struct pool *pool = fixture_start();
    const char *source = "import os\n"
                         "for i in range(100000): os.stat('/')\n"
                         "def f():\n"
                         "    sum(range(100000))\n"
                         "    return 'done'\n";
    s_app = fixture_app(pool, "a", &source, CLIENTS, 100);
    fixture_reload(s_app);
    for (int i = 0; i < CLIENTS; i++) {
        cr_assert(eq(int, pthread_create(&clients[i], NULL, ask, NULL), 0));
    }
    unsigned before = s_answers;
    fixture_reload(s_app);
    cr_expect(gt(uint, s_answers, before)); /* and so do requests */
    s_is_over = true;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], NULL);
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}
