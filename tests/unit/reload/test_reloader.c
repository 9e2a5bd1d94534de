#include "reload/reloader.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/pool_fixture.h"
#include "tests/support/temporary_folder.h"

/* Steps are counted by the hook and awaited, never slept for. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;
static unsigned s_steps[RELOAD_STEP_WATCH_LIMIT + 1];
static char s_cause[600], s_error[600];
static enum reload_decision s_decision = DECISION_SWITCH;
static int s_after_end_code, s_replacements, s_barred;
static bool s_after_end_outlasts, s_has_waited, s_is_still_there;
static enum reload_strategy s_strategy = STRATEGY_INTERPRETER;

static const char *s_base;
static char s_file[300], s_source[400];
static const char *s_source_text = s_source;
static struct pool *s_pool;
static struct pool_app *s_app;
static struct reloader *s_reloader;
static struct reload_target *s_target;

static enum reload_strategy strategy(void *ctx, struct reload_target *target,
                                     const char **ret_why) {
    (void)ctx;
    (void)target;
    *ret_why = "the test says so";
    return s_strategy;
}

static enum reload_decision before_switch(void *ctx, struct reload_target *target,
                                          struct generation *next, struct error *err) {
    (void)ctx;
    (void)target;
    cr_assert_eq(generation_state(next), GENERATION_LOADING);
    error_set(err, ERR_FAILED, "no");
    return s_decision;
}

static void await_step(enum reload_step step, unsigned count);

static int after_end(void *ctx, struct reload_target *target, struct generation *serving,
                     struct error *err) {
    (void)ctx;
    (void)target;
    if (s_after_end_outlasts) {
        uint64_t number = generation_number(serving);
        s_after_end_outlasts = false;
        pthread_mutex_lock(&s_lock);
        s_has_waited = true;
        pthread_cond_broadcast(&s_changed);
        pthread_mutex_unlock(&s_lock);
        await_step(RELOAD_STEP_RETIRED, 2);
        s_is_still_there = generation_number(serving) == number;
    }
    return s_after_end_code ? error_set(err, ERR_FAILED, "stale") : 0;
}

static void replace(void *ctx, struct reload_target *target, bool is_barred, const char *cause,
                    const struct error *why) {
    (void)ctx;
    (void)target;
    (void)cause;
    (void)why;
    s_replacements++;
    s_barred += is_barred;
}

static void event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    (void)ctx;
    (void)target;
    pthread_mutex_lock(&s_lock);
    s_steps[event->step]++;
    if (event->step != RELOAD_STEP_SETTLED) { /* it comes last */
        snprintf(s_cause, sizeof s_cause, "%s", event->cause);
        snprintf(s_error, sizeof s_error, "%.599s", event->err ? event->err->text : "");
    }
    pthread_cond_broadcast(&s_changed);
    pthread_mutex_unlock(&s_lock);
}

static void await_step(enum reload_step step, unsigned count) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 20;
    pthread_mutex_lock(&s_lock);
    while (s_steps[step] < count) {
        cr_assert_eq(pthread_cond_timedwait(&s_changed, &s_lock, &deadline), 0,
                     "step %d not seen %u times (last error: %s)", step, count, s_error);
    }
    pthread_mutex_unlock(&s_lock);
}

static void save(const char *text) {
    char temporary[310];
    snprintf(temporary, sizeof temporary, "%s.new", s_file);
    FILE *file = fopen(temporary, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(rename(temporary, s_file), 0);
}

static void setup(void) {
    s_base = temporary_folder();
    snprintf(s_file, sizeof s_file, "%s/app.py", s_base);
    snprintf(s_source, sizeof s_source, "exec(compile(open('%s').read(), 'app.py', 'exec'))",
             s_file);
    save("def name(): return 'one'");
    s_pool = fixture_start();
    s_app = fixture_app(s_pool, "a", &s_source_text, 2, 10);
    struct reloader_hooks hooks = {.strategy = strategy,
                                   .before_switch = before_switch,
                                   .after_end = after_end,
                                   .replace = replace,
                                   .event = event};
    s_reloader = reloader_new(&hooks, NULL);
    cr_assert(s_reloader);
    char *files[] = {s_file};
    char *watch[] = {(char *)"templates/*.html"};
    struct reload_target_options options = {.interpreter = pool_app_interpreter(s_app),
                                            .base = s_base,
                                            .watch = {watch, 1},
                                            .files = {files, 1},
                                            .debounce_ms = 30,
                                            .single_ms = RELOAD_SINGLE_MS,
                                            .startup_timeout_ms = 10000,
                                            .drain_ms = 5000,
                                            .is_watched = true};
    cr_assert_eq(reloader_add(s_reloader, &options, &s_target, NULL), 0);
    fixture_reload(s_app);
    reload_target_loaded(s_target, NULL);
}

static void teardown(void) {
    reloader_free(s_reloader); /* or NULL */
    pool_stop(s_pool, 2000);
    pool_free(s_pool);
}

TestSuite(reloader, .init = setup, .fini = teardown);

Test(reloader, a_saved_file_is_served_and_the_old_generation_ends) {
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_SWITCHED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "two");
    await_step(RELOAD_STEP_RETIRED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "two");
    cr_expect(strstr(s_cause, s_file), "%s", s_cause);
}

Test(reloader, a_broken_edit_keeps_the_old_code_and_the_repair_is_picked_up) {
    save("def name( return 'two'");
    await_step(RELOAD_STEP_KEPT, 1);
    cr_expect(strstr(s_error, "SyntaxError"), "%s", s_error);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
    save("def name(): return 'three'");
    await_step(RELOAD_STEP_SWITCHED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "three");
    cr_expect_eq(s_steps[RELOAD_STEP_KEPT], 1);
}

Test(reloader, touching_a_module_or_saving_a_file_unchanged_reloads_nothing) {
    char module[400];
    snprintf(module, sizeof module, "%s/module.py", s_base);
    FILE *file = fopen(module, "w");
    cr_assert(file);
    fclose(file);
    struct stat info;
    struct timespec now;
    do { /* until what is read now is known to be what was written */
        cr_assert_eq(stat(module, &info), 0);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec < info.st_ctim.tv_sec ||
             (now.tv_sec == info.st_ctim.tv_sec && now.tv_nsec <= info.st_ctim.tv_nsec));
    reload_target_note_file(s_target, module);
    save("def name(): return 'one'");
    await_step(RELOAD_STEP_UNCHANGED, 1); /* and the note has been taken */
    utimensat(AT_FDCWD, module, NULL, 0);
    save("def name(): return 'one'");
    await_step(RELOAD_STEP_UNCHANGED, 2);
    cr_expect_eq(s_steps[RELOAD_STEP_DETECTED], 0);
}

Test(reloader, touching_the_wsgi_file_reloads_it) {
    save("def name(): return 'two'"); /* another inode has the name from now on */
    await_step(RELOAD_STEP_RETIRED, 1);
    utimensat(AT_FDCWD, s_file, NULL, 0);
    await_step(RELOAD_STEP_SWITCHED, 2);
    const struct timespec given[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    await_step(RELOAD_STEP_RETIRED, 2);
    utimensat(AT_FDCWD, s_file, given, 0);
    await_step(RELOAD_STEP_SWITCHED, 3);
}

Test(reloader, a_file_that_appears_under_a_watch_pattern_reloads) {
    char path[400];
    snprintf(path, sizeof path, "%s/templates", s_base);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/templates/a.html", s_base);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs("<p>", file);
    fclose(file);
    await_step(RELOAD_STEP_SWITCHED, 1);
    cr_expect(strstr(s_cause, "a.html"), "%s", s_cause);
}

Test(reloader, an_edit_while_the_code_loads_leads_to_the_newest_code_only) {
    save("import time; time.sleep(0.5)\ndef name(): return 'two'");
    await_step(RELOAD_STEP_DETECTED, 1);
    save("def name(): return 'three'");
    await_step(RELOAD_STEP_SWITCHED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "three");
    cr_expect_eq(s_steps[RELOAD_STEP_SWITCHED], 1);
}

static void asked(void *ctx, const struct reload_event *event) {
    *(enum reload_step *)ctx = event->step;
}

Test(reloader, a_request_reloads_unchanged_files_and_tells_how_it_went) {
    enum reload_step told = RELOAD_STEP_WATCH_LIMIT;
    cr_assert_eq(reload_target_request(s_target, "asked", asked, &told, NULL), 0);
    await_step(RELOAD_STEP_RETIRED, 1);
    reloader_free(s_reloader);
    s_reloader = NULL;
    cr_expect_eq(told, RELOAD_STEP_SWITCHED);
}

Test(reloader, edits_do_not_concern_one_that_was_dismissed) {
    reloader_dismiss(s_reloader);
    save("def name(): return 'two'");
    cr_assert_eq(reload_target_request(s_target, "asked", NULL, NULL, NULL), 0);
    await_step(RELOAD_STEP_RETIRED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "two", "a request is obeyed");
    save("def name(): return 'three'");
    cr_assert_eq(reload_target_request(s_target, "asked again", NULL, NULL, NULL), 0);
    await_step(RELOAD_STEP_RETIRED, 2);
    cr_expect_eq(s_steps[RELOAD_STEP_DETECTED], 2, "no more than was asked for");
}

Test(reloader, a_refusing_check_asks_for_a_new_worker_and_the_old_code_serves_on) {
    s_decision = DECISION_REPLACE_WORKER;
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_REPLACED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
    cr_expect_eq(s_replacements, 1);
}

Test(reloader, a_failed_readiness_check_keeps_the_old_code) {
    s_decision = DECISION_KEEP;
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_KEPT, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
    cr_expect_eq(s_replacements, 0);
}

Test(reloader, stale_state_after_the_end_keeps_the_gate_closed) {
    s_after_end_code = 1;
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_REPLACED, 1);
    struct fixture_job job;
    fixture_job_init(&job, "name");
    cr_assert_eq(pool_submit(s_app, &job.job, NULL), 0);
    struct pool_app_stats stats;
    pool_app_stats(s_app, &stats);
    cr_expect_eq(stats.queued, 1);
    cr_expect_eq(s_barred, 1);
    cr_expect_eq(pool_take_waiting(s_pool, true), &job.job);
    cr_expect_eq(pool_submit(s_app, &job.job, NULL), -1, "for good");
    pool_gate_open(pool_app_interpreter(s_app));
}

Test(reloader, strategy_worker_asks_for_a_new_worker_at_once) {
    s_strategy = STRATEGY_WORKER;
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_REPLACED, 1);
    cr_expect_eq(s_replacements, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
}

Test(reloader, with_strategy_restart_the_old_generation_has_ended_before_the_next_one_loads) {
    s_strategy = STRATEGY_RESTART;
    fixture_call(s_app, "name");
    struct generation *old = pool_hold_current(pool_app_interpreter(s_app));
    save("def name( return 'two'");
    await_step(RELOAD_STEP_KEPT, 1);
    cr_expect_eq(generation_state(old), GENERATION_RETIRED);
    cr_expect_null(pool_current(pool_app_interpreter(s_app)));
    generation_let_go(old);
    struct fixture_job job;
    fixture_job_init(&job, "name");
    cr_assert_eq(pool_submit(s_app, &job.job, NULL), 0);
    save("def name(): return 'three'");
    await_step(RELOAD_STEP_SWITCHED, 1);
    fixture_job_wait(&job);
    cr_expect_str_eq(job.result, "three");
}

Test(reloader, reloads_in_quick_succession_leave_the_generation_that_is_looked_at_alone) {
    s_after_end_outlasts = true;
    save("def name(): return 'two'");
    pthread_mutex_lock(&s_lock);
    while (!s_has_waited) {
        pthread_cond_wait(&s_changed, &s_lock);
    }
    pthread_mutex_unlock(&s_lock);
    save("def name(): return 'three'");
    await_step(RELOAD_STEP_RETIRED, 2); /* "two" has come and gone meanwhile */
    cr_expect_str_eq(fixture_call(s_app, "name"), "three");
    reloader_free(s_reloader); /* waits for those that look */
    s_reloader = NULL;
    cr_expect(s_is_still_there);
}

/** Threads that are started from here on cannot be (true), or can be again. */
static void starve_of_threads(bool is_starved) {
    static size_t s_stack_bytes;
    pthread_attr_t attributes;
    cr_assert_eq(pthread_getattr_default_np(&attributes), 0);
    if (is_starved) {
        cr_assert_eq(pthread_attr_getstacksize(&attributes, &s_stack_bytes), 0);
    }
    size_t bytes = is_starved ? (size_t)1 << 46 : s_stack_bytes;
    cr_assert_eq(pthread_attr_setstacksize(&attributes, bytes), 0);
    cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
}

Test(reloader, a_request_that_cannot_be_started_is_answered) {
    enum reload_step told = RELOAD_STEP_WATCH_LIMIT;
    starve_of_threads(true);
    cr_assert_eq(reload_target_request(s_target, "asked", asked, &told, NULL), 0);
    await_step(RELOAD_STEP_KEPT, 1);
    cr_expect_not_null(strstr(s_error, "cannot be started"), "%s", s_error);
    cr_expect_str_eq(s_cause, "asked");
    starve_of_threads(false);
    reloader_free(s_reloader); /* waits for the answer */
    s_reloader = NULL;
    cr_expect_eq(told, RELOAD_STEP_KEPT);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
}

Test(reloader, an_edit_that_cannot_be_taken_up_is_told_once_and_taken_up_when_it_can_be) {
    starve_of_threads(true);
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_KEPT, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "one");
    starve_of_threads(false);
    await_step(RELOAD_STEP_SWITCHED, 1);
    cr_expect_str_eq(fixture_call(s_app, "name"), "two");
    cr_expect_eq(s_steps[RELOAD_STEP_KEPT], 1);
}

Test(reloader, a_request_to_a_target_that_goes_is_answered) {
    enum reload_step told = RELOAD_STEP_WATCH_LIMIT;
    struct reload_target *target;
    const struct reload_target_options options = {.interpreter = pool_app_interpreter(s_app),
                                                  .base = s_base};
    cr_assert_eq(reloader_add(s_reloader, &options, &target, NULL), 0); /* is never loaded */
    cr_assert_eq(reload_target_request(target, "asked", asked, &told, NULL), 0);
    reloader_remove(s_reloader, target);
    cr_expect_eq(told, RELOAD_STEP_KEPT);
}

Test(reloader, where_restart_needs_a_new_worker_what_waits_is_barred_for_it) {
    s_strategy = STRATEGY_RESTART;
    s_decision = DECISION_REPLACE_WORKER;
    save("def name(): return 'two'");
    await_step(RELOAD_STEP_REPLACED, 1);
    struct fixture_job job;
    fixture_job_init(&job, "name");
    cr_assert_eq(pool_submit(s_app, &job.job, NULL), 0);
    cr_expect_eq(pool_take_waiting(s_pool, true), &job.job);
    cr_expect_eq(s_replacements, 1);
}
