/*
 * recycle MODULE - what becomes of an application when its interpreter is replaced in the process.
 *
 * Loads MODULE (which has a function answer() and a value RIGHT), asks, loads it in a second
 * interpreter beside the first, ends the first, and asks the second.  Prints a line for each
 * answer: "1 right", "2 wrong: …".  Nothing is checked here: a crash is the process's.
 * Built with -DWITH_CHECK it prints what the stale state check says at each step as well, as
 * "first VERDICT", "switch VERDICT" and "end VERDICT", each followed by its findings.  The first
 * answer comes before the first check; after it where CASE_IS_LATE is in the environment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/pool_fixture.h"
#ifdef WITH_CHECK
#include "reload/stale/stale.h"
#endif

/** Ask twice: a collection between them makes use of what was freed. */
static const char s_ask[] =
    "(lambda case, gc: (case.answer(), gc.collect(), [{} for i in range(1000)]) and "
    "(case.answer() == case.RIGHT and 'right' or 'wrong: ' + str(case.answer())))"
    "(__import__('case'), __import__('gc'))";

static const char *state_name(enum generation_state state) {
    static const char *const names[] = {
        [GENERATION_LOADING] = "loading",   [GENERATION_SERVING] = "serving",
        [GENERATION_DRAINING] = "draining", [GENERATION_RETIRED] = "retired",
        [GENERATION_FAILED] = "failed",     [GENERATION_ZOMBIE] = "zombie",
    };
    return names[state];
}

static void load(struct pool_app *app, const char *number, struct generation **ret_generation) {
    setenv("CASE_GENERATION", number, 1);
    *ret_generation = fixture_build(app);
}

static void ask(struct generation *generation, const char *number) {
    printf("%s %s\n", number, fixture_eval(generation, s_ask));
    fflush(stdout);
}

#ifdef WITH_CHECK
static struct stale_check *s_check;
static struct generation *s_old, *s_new;
static struct stale_report *s_report;

static int check_loaded(void *arg, struct error *err) {
    (void)arg;
    return stale_check_loaded(s_check, s_old ? generation_interpreter_state(s_old) : NULL,
                              generation_interpreter_state(s_new), &s_report, err);
}

static int check_before_load(void *arg, struct error *err) {
    (void)arg;
    return stale_check_before_load(s_check, generation_interpreter_state(s_new), err);
}

static bool may_end(void *ctx, struct generation *generation) {
    (void)ctx;
    void *old = generation_interpreter_state(generation);
    void *new = s_new == generation ? NULL : generation_interpreter_state(s_new);
    struct error err;
    if (!stale_check_may_end(s_check, old)) {
        return false;
    }
    if (stale_check_before_end(s_check, old, new, &err) != 0) {
        printf("failed: %s\n", err.text);
    }
    return true;
}

static int check_after_end(void *arg, struct error *err) {
    (void)arg;
    return stale_check_after_end(s_check, generation_interpreter_state(s_new), &s_report, err);
}

static void check(const char *step, struct generation *on,
                  int (*function)(void *arg, struct error *err)) {
    struct error err;
    if (pool_run(on, function, NULL, &err) != 0) {
        printf("%s failed: %s\n", step, err.text);
        exit(1);
    }
    if (!s_report) {
        return;
    }
    printf("%s %s\n", step, stale_verdict_name(s_report->verdict));
    for (size_t i = 0; i < s_report->finding_count; i++) {
        const struct stale_finding *finding = &s_report->findings[i];
        printf("  %s%d %s %s %s %s %s, of %s\n", finding->is_note ? "note: " : "", finding->hazard,
               stale_verdict_name(finding->verdict), finding->module, finding->symbol,
               finding->holds, finding->is_borrowed ? "borrowed" : "strong", finding->owner);
    }
    fflush(stdout);
    stale_report_free(s_report);
    s_report = NULL;
}
#else
#define check(step, on, function) ((void)0)
#endif

int main(int argc, char **argv) {
    char text[256];
    const char *source = text;
    if (argc != 2) {
        fprintf(stderr, "usage: recycle MODULE\n");
        return 2;
    }
    snprintf(text, sizeof text, "import sys, %s as case\nsys.modules['case'] = case\n", argv[1]);
#ifdef WITH_CHECK
    fixture_may_end = may_end;
#endif
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "case", &source, 1, 1);
    struct generation *old, *new;
    struct error err;
#ifdef WITH_CHECK
    s_check = stale_check_new(&err);
#endif
    load(app, "1", &old);
    pool_publish(old, &err);
    bool is_late = getenv("CASE_IS_LATE") != NULL;
    if (!is_late) {
        ask(old, "1");
    }
#ifdef WITH_CHECK
    s_new = old;
#endif
    check("first", old, check_loaded);
    if (is_late) {
        ask(old, "1");
    }
    check("load", old, check_before_load);
    load(app, "2", &new);
#ifdef WITH_CHECK
    s_old = old;
    s_new = new;
#endif
    check("switch", new, check_loaded);
    pool_publish(new, &err);
    printf("1 %s\n", state_name(pool_retire(old, 1000)));
    fflush(stdout);
    check("end", new, check_after_end);
    ask(new, "2");
    return 0;
}
