/** How an interpreter is reloaded, and why: recycle.h says in which order the reasons count. */
#include "pool/python/py_compat.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "pool/python/runtime.h"
#include "reload/stale/stale.h"
#include "tests/support/recycle_fixture.h"

#define FINDING "extension blog._speedups cannot be recycled: dangling"
#define MB UINT64_C(1048576)

static struct recycle_fixture s;
static char s_why[RECYCLE_WHY_BYTES];

static void set_up_interpreter(bool is_main) {
    recycle_fixture_start(&s, is_main, (const char *const[]){"blog", "shop"}, 2);
}

static void set_up(void) {
    set_up_interpreter(false);
}
TestSuite(strategy, .init = set_up, .timeout = 60);
TestSuite(strategy_main, .timeout = 60);

static void keep_finding(const char *worst) {
    struct stale_report *report = calloc(1, sizeof *report);
    cr_assert_not_null(report);
    report->verdict = worst ? VERDICT_DANGLING : VERDICT_CLEAN;
    recycle_keep_report(&s.recyclable, report, worst);
}

static bool is_in_process(void) {
    return recycle_strategy(&s.recyclable, s_why, sizeof s_why) == STRATEGY_INTERPRETER;
}

static void assert_worker(const char *why) {
    cr_assert_not(is_in_process());
    cr_assert_str_eq(s_why, why);
}

/** Python 3.12.0 to 3.12.6: findings are not even asked for. */
static void skip_where_never_recycled(void) {
    if (!runtime_can_end_interpreters()) {
        cr_skip_test("this CPython leaves objects of ended interpreters linked");
    }
}

Test(strategy, an_interpreter_without_findings_is_reloaded_in_the_process) {
    skip_where_never_recycled();
    keep_finding(NULL);
    cr_assert(is_in_process());
    cr_assert_str_eq(s_why, "every extension it loaded can be recycled");
}

Test(strategy, a_finding_asks_for_a_worker_and_stays) {
    skip_where_never_recycled();
    keep_finding(FINDING);
    assert_worker(FINDING);
    keep_finding(NULL);
    assert_worker(FINDING);
    cr_assert_str_eq(s.recyclable.verdict, stale_verdict_name(VERDICT_CLEAN));
}

Test(strategy, a_finding_is_cut_to_what_fits) {
    skip_where_never_recycled();
    char little[10];
    keep_finding(FINDING);
    cr_assert_eq(recycle_strategy(&s.recyclable, little, sizeof little), STRATEGY_WORKER);
    cr_assert_str_eq(little, "extension");
}

Test(strategy, reload_restart_ends_the_old_generation_first_where_it_can_be_recycled) {
    skip_where_never_recycled();
    s.app_configs[0].reload = RELOAD_MODE_INTERPRETER;
    s.app_configs[1].reload = RELOAD_MODE_RESTART;
    cr_assert_eq(recycle_strategy(&s.recyclable, s_why, sizeof s_why), STRATEGY_RESTART);
    cr_assert_str_eq(s_why, "reload = restart: the old generation ends first");
    keep_finding(FINDING);
    assert_worker(FINDING);
}

Test(strategy, reload_interpreter_of_one_application_overrides_findings) {
    keep_finding(FINDING);
    s.app_configs[1].reload = RELOAD_MODE_INTERPRETER;
    cr_assert(is_in_process());
    cr_assert_str_eq(s_why, "reload = interpreter");
}

Test(strategy, reload_worker_of_one_application_counts_for_all_and_comes_first) {
    keep_finding(FINDING);
    s.app_configs[0].reload = RELOAD_MODE_INTERPRETER;
    s.app_configs[1].reload = RELOAD_MODE_WORKER;
    assert_worker("reload = worker");
}

static void run_in_main(const char *text) {
    PyThreadState *tstate = PyThreadState_New(PyInterpreterState_Main());
    PyEval_AcquireThread(tstate);
    cr_assert_eq(PyRun_SimpleString(text), 0);
    PyThreadState_Clear(tstate);
    PyThreadState_DeleteCurrent();
}

Test(strategy, tracing_of_memory_asks_for_a_worker_even_if_forced) {
    skip_where_never_recycled();
    s.app_configs[0].reload = RELOAD_MODE_INTERPRETER;
    run_in_main("import tracemalloc; tracemalloc.start()");
    assert_worker("tracemalloc is tracing: Python may crash where an interpreter ends");
    run_in_main("tracemalloc.stop()");
    cr_assert(is_in_process());
}

Test(strategy, memory_over_the_budget_asks_for_a_worker_even_if_forced) {
    s.config.recycle_budget_mb = 100;
    s.app_configs[0].reload = RELOAD_MODE_INTERPRETER;
    atomic_store(&s.recycle.rss_bytes, 900 * MB);
    cr_assert(is_in_process(), "what was needed to load is not known yet");
    atomic_store(&s.recycle.base_rss_bytes, 800 * MB);
    cr_assert(is_in_process());
    atomic_store(&s.recycle.rss_bytes, 900 * MB + 1);
    assert_worker("memory grown over recycles exceeds recycle_budget_mb");
    s.config.recycle_budget_mb = 0;
    cr_assert(is_in_process(), "there is no budget");
    s.config.recycle_budget_mb = 100;
    atomic_store(&s.recycle.rss_bytes, 0);
    cr_assert(is_in_process(), "nothing was recycled yet");
}

Test(strategy, without_a_check_its_interpreter_has_its_own_gil) {
    stale_check_free(s.recyclable.check);
    s.recyclable.check = NULL;
    if (runtime_recycles_own_gil()) {
        cr_assert(is_in_process());
        keep_finding("no check reads x.so in an interpreter with a GIL of its own");
        assert_worker("no check reads x.so in an interpreter with a GIL of its own");
    } else {
        assert_worker("its interpreter has a GIL of its own");
    }
}

Test(strategy_main, the_main_interpreter_is_never_recycled) {
    set_up_interpreter(true);
    s.app_configs[0].reload = RELOAD_MODE_INTERPRETER;
    assert_worker("it runs in the main interpreter");
}

/* ---- In the status ---- */

static void assert_status(struct recycle *recycle, const char *json_text) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    recycle_write_strategy(recycle, s.applications[0], NULL, &json);
    json_begin_array(&json, "extensions");
    recycle_write_extensions(recycle, s.applications[0], &json);
    json_end_array(&json);
    json_end_object(&json);
    cr_assert_str_eq(json.text, json_text);
    free(json.text);
}

Test(strategy, the_status_shows_it) {
    skip_where_never_recycled();
    keep_finding(FINDING);
    assert_status(&s.recycle,
                  "{\"strategy\":\"worker\",\"why\":\"" FINDING "\",\"extensions\":[]}");
    s.app_configs[0].reload = RELOAD_MODE_OFF;
    assert_status(&s.recycle, "{\"strategy\":\"off\",\"why\":\"reload = off\",\"extensions\":[]}");
}

Test(strategy, the_status_says_why_nothing_is_reloaded_in_the_process) {
    assert_status(NULL, "{\"strategy\":\"worker\",\"why\":\"this worker has no reloader\","
                        "\"extensions\":[]}");
    s.recycle.first = NULL;
    assert_status(&s.recycle,
                  "{\"strategy\":\"worker\",\"why\":\"it is not loaded\",\"extensions\":[]}");
    s.app_configs[0].reload = RELOAD_MODE_OFF;
    assert_status(NULL, "{\"strategy\":\"off\",\"why\":\"reload = off\",\"extensions\":[]}");
}
