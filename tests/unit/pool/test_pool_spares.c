#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pool_fixture.h"

enum { SHORT_MS = 300 };

static const char *s_source = "import sys\n"
                              "def f(): return 'v1'\n"
                              "def is_spare(): return hasattr(sys, 'is_spare')";

static struct pool *s_pool;
static struct pool_app *s_app;
static struct pool_interpreter *s_interpreter;

static void setup(void) {
    s_pool = fixture_start();
    s_app = fixture_app(s_pool, "a", &s_source, 2, 10);
    s_interpreter = pool_app_interpreter(s_app);
}

static void teardown(void) {
    if (s_pool) {
        cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
        pool_free(s_pool);
    }
}

TestSuite(pool_spares, .init = setup, .fini = teardown);

static struct generation *make(void) {
    struct generation *spare = NULL;
    struct error err = {0};
    int rc = pool_spare_make(s_interpreter, FIXTURE_BUILD_MS, &spare, &err);
    cr_assert_eq(rc, 0, "%s", err.text);
    return spare;
}

static enum error_code failure_of_making(unsigned timeout_ms, struct error *err) {
    struct generation *spare;
    *err = (struct error){0};
    cr_assert(eq(int, pool_spare_make(s_interpreter, timeout_ms, &spare, err), -1));
    return err->code;
}

static unsigned states(enum generation_state state) {
    return fixture_states[state];
}

Test(pool_spares, one_that_is_offered_is_what_is_built) {
    fixture_prepare = "import sys; sys.prepared = 'prepared'";
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "False");
    struct generation *spare = make();
    cr_expect_not(pool_has_spare(s_interpreter));
    pool_spare_offer(spare);
    cr_expect(pool_has_spare(s_interpreter));
    cr_expect(eq(u32, states(GENERATION_LOADING), 1), "it is told when the spare is used");
    struct generation *built = fixture_reload(s_app);
    cr_expect(eq(ptr, built, spare));
    cr_expect_not(pool_has_spare(s_interpreter));
    cr_expect(eq(u64, generation_number(built), 2));
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "True");
    cr_expect_str_eq(fixture_eval(built, "sys.prepared"), "prepared");
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "False");
}

Test(pool_spares, what_it_loads_is_what_is_there_when_it_is_used) {
    fixture_reload(s_app);
    pool_spare_offer(make());
    s_source = "def f(): return 'v2'";
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "f"), "v2");
}

Test(pool_spares, the_first_generation_can_be_one) {
    pool_spare_offer(make());
    struct generation *built = fixture_reload(s_app);
    cr_expect(eq(u64, generation_number(built), 1));
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "True");
}

Test(pool_spares, its_home_thread_is_the_main_thread_of_its_interpreter) {
    fixture_prepare = "import sys, threading; sys.prepared = threading.main_thread().ident";
    s_source = "import sys, threading\n"
               "IS_SAME = sys.prepared == threading.get_ident() == threading.main_thread().ident\n"
               "def f(): return IS_SAME";
    pool_spare_offer(make());
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "f"), "True");
}

Test(pool_spares, a_second_offer_ends_the_first) {
    fixture_reload(s_app);
    pool_spare_offer(make());
    struct generation *second = make();
    pool_spare_offer(second);
    cr_expect(eq(u32, states(GENERATION_RETIRED), 1));
    cr_expect(eq(ptr, fixture_reload(s_app), second));
}

Test(pool_spares, one_is_taken_back_and_discarded) {
    fixture_reload(s_app);
    cr_expect(eq(ptr, pool_spare_take(s_interpreter), NULL));
    struct generation *spare = make();
    pool_spare_offer(spare);
    cr_expect(eq(ptr, pool_spare_take(s_interpreter), spare));
    cr_expect_not(pool_has_spare(s_interpreter));
    pool_discard(spare);
    cr_expect(eq(u32, states(GENERATION_RETIRED), 1));
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "False");
}

Test(pool_spares, it_runs_code_before_it_is_offered) {
    struct generation *spare = make();
    cr_expect_str_eq(fixture_eval(spare, "sys.is_spare"), "True");
    pool_discard(spare);
}

Test(pool_spares, a_cold_one_is_built_again_with_the_same_number) {
    fixture_reload(s_app);
    struct generation *spare = make();
    pool_spare_offer(spare);
    fixture_cold = "it does not fit";
    struct generation *built = fixture_reload(s_app);
    cr_expect(eq(u64, generation_number(built), 2));
    cr_expect_str_eq(fixture_call(s_app, "is_spare"), "False");
    cr_expect(eq(u32, states(GENERATION_FAILED), 1));
    cr_expect_not(pool_has_spare(s_interpreter));
    cr_expect(eq(u64, generation_number(fixture_reload(s_app)), 3));
}

Test(pool_spares, one_in_which_the_application_fails_is_not_built_again) {
    struct generation *generation;
    struct error err = {0};
    fixture_reload(s_app);
    pool_spare_offer(make());
    s_source = "1 / 0";
    cr_assert(eq(int, pool_build(s_interpreter, FIXTURE_BUILD_MS, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_PYTHON));
    cr_expect(ne(ptr, strstr(err.text, "ZeroDivisionError"), NULL));
    cr_expect(eq(u32, states(GENERATION_FAILED), 1));
    s_source = "def f(): return 'repaired'";
    cr_expect(eq(u64, generation_number(fixture_reload(s_app)), 3));
}

Test(pool_spares, preparing_that_raises_says_so) {
    struct error err;
    fixture_prepare = "import sys\nraise ValueError('not today')";
    cr_expect(eq(int, failure_of_making(FIXTURE_BUILD_MS, &err), ERR_PYTHON));
    cr_expect(ne(ptr, strstr(err.text, "ValueError: not today"), NULL));
    cr_expect(eq(u32, states(GENERATION_LOADING), 0));
    fixture_prepare = NULL;
    pool_spare_offer(make());
    cr_expect(eq(u64, generation_number(fixture_reload(s_app)), 1));
}

Test(pool_spares, preparing_that_takes_too_long_is_ended) {
    struct error err;
    fixture_prepare = "while True: pass";
    cr_expect(eq(int, failure_of_making(SHORT_MS, &err), ERR_TIMEOUT));
    cr_expect(ne(ptr, strstr(err.text, "SystemExit"), NULL), "%s", err.text);
    cr_expect(eq(u32, pool_zombies(s_pool), 0));
    fixture_prepare = NULL;
    fixture_reload(s_app);
    cr_expect_str_eq(fixture_call(s_app, "f"), "v1");
}

Test(pool_spares, loading_in_one_that_takes_too_long_is_ended) {
    struct generation *generation;
    struct error err = {0};
    pool_spare_offer(make());
    s_source = "while True: pass";
    cr_assert(eq(int, pool_build(s_interpreter, SHORT_MS, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_TIMEOUT));
    cr_expect(eq(u32, pool_zombies(s_pool), 0));
}

Test(pool_spares, the_main_interpreter_has_none) {
    struct generation *spare;
    struct error err = {0};
    struct pool_interpreter *main = fixture_interpreter(s_pool, "main", true, POOL_GIL_SHARED);
    cr_assert(eq(int, pool_spare_make(main, FIXTURE_BUILD_MS, &spare, &err), -1));
    cr_expect(eq(int, err.code, ERR_USAGE));
}

Test(pool_spares, one_on_offer_ends_with_the_pool) {
    fixture_reload(s_app);
    pool_spare_offer(make());
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    cr_expect(eq(u32, states(GENERATION_RETIRED), 2));
    pool_free(s_pool);
    s_pool = NULL;
}

Test(pool_spares, one_that_comes_too_late_is_discarded) {
    struct error err;
    fixture_reload(s_app);
    struct generation *spare = make();
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
    pool_spare_offer(spare);
    cr_expect_not(pool_has_spare(s_interpreter));
    cr_expect(eq(u32, states(GENERATION_RETIRED), 2));
    cr_expect(eq(int, failure_of_making(FIXTURE_BUILD_MS, &err), ERR_CLOSED));
    pool_free(s_pool);
    s_pool = NULL;
}

Test(pool_spares, one_of_an_interpreter_that_is_removed_ends_with_it) {
    struct error err;
    fixture_reload(s_app);
    pool_spare_offer(make());
    cr_expect(eq(int, pool_remove_interpreter(s_interpreter, 1000, &err), 0));
    cr_expect(eq(u32, states(GENERATION_RETIRED), 2));
}

Test(pool_spares, exit_functions_of_what_was_prepared_run) {
    static const char *s_prepare = "import atexit, os\n"
                                   "atexit.register(os.environ.__setitem__, 'ENDED', 'yes')";
    fixture_prepare = s_prepare;
    fixture_reload(s_app);
    pool_discard(make());
    cr_expect_str_eq(getenv("ENDED") ? getenv("ENDED") : "no", "yes");
}
