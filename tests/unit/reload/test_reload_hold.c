/** Between two reloads: a target that is held, and what comes meanwhile. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdio.h>

#include "reload/reloader.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/save_file.h"
#include "tests/support/temporary_folder.h"

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;
static unsigned s_steps[RELOAD_STEP_WATCH_LIMIT + 1];
static bool s_is_free_when_settled, s_holds_when_settled;

static const char *s_base;
static char s_path[100];
static const char *s_source = "def name(): return 'one'";
static struct pool *s_pool;
static struct pool_app *s_app;
static struct reloader *s_reloader;
static struct reload_target *s_target;

static enum reload_strategy strategy(void *ctx, struct reload_target *target,
                                     const char **ret_why) {
    (void)ctx, (void)target;
    *ret_why = "";
    return STRATEGY_INTERPRETER;
}

static enum reload_decision before_switch(void *ctx, struct reload_target *target,
                                          struct generation *next, struct error *err) {
    (void)ctx, (void)next, (void)err;
    cr_expect_not(reload_target_hold(target), "a reload is under way");
    return DECISION_SWITCH;
}

static int after_end(void *ctx, struct reload_target *target, struct generation *serving,
                     struct error *err) {
    (void)ctx, (void)serving, (void)err;
    cr_expect_not(reload_target_hold(target), "a replaced generation has not ended");
    return 0;
}

static void event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    (void)ctx;
    bool is_free = false;
    if (event->step == RELOAD_STEP_SETTLED) {
        is_free = reload_target_hold(target);
        if (is_free && !s_holds_when_settled) {
            reload_target_let_go(target);
        }
    }
    pthread_mutex_lock(&s_lock);
    s_is_free_when_settled |= is_free;
    s_steps[event->step]++;
    pthread_cond_broadcast(&s_changed);
    pthread_mutex_unlock(&s_lock);
}

static void await_step(enum reload_step step, unsigned count) {
    pthread_mutex_lock(&s_lock);
    while (s_steps[step] < count) {
        pthread_cond_wait(&s_changed, &s_lock);
    }
    pthread_mutex_unlock(&s_lock);
}

static void await_free(void) {
    pthread_mutex_lock(&s_lock);
    while (!s_is_free_when_settled) {
        pthread_cond_wait(&s_changed, &s_lock);
    }
    pthread_mutex_unlock(&s_lock);
}

static void setup(void) {
    s_base = temporary_folder();
    snprintf(s_path, sizeof s_path, "%s/app.py", s_base);
    save_file(s_path, "1");
    s_pool = fixture_start();
    s_app = fixture_app(s_pool, "a", &s_source, 1, 10);
    const struct reloader_hooks hooks = {.strategy = strategy,
                                         .before_switch = before_switch,
                                         .after_end = after_end,
                                         .event = event};
    s_reloader = reloader_new(&hooks, NULL);
    char *files[] = {s_path};
    const struct reload_target_options options = {.interpreter = pool_app_interpreter(s_app),
                                                  .base = s_base,
                                                  .files = {files, 1},
                                                  .debounce_ms = 30,
                                                  .single_ms = RELOAD_SINGLE_MS,
                                                  .startup_timeout_ms = 10000,
                                                  .drain_ms = 5000,
                                                  .is_watched = true};
    cr_assert(eq(int, reloader_add(s_reloader, &options, &s_target, NULL), 0));
    cr_expect_not(reload_target_hold(s_target), "its first load is not over");
    fixture_reload(s_app);
    reload_target_loaded(s_target, NULL);
}

static void teardown(void) {
    reloader_free(s_reloader);
    pool_stop(s_pool, 2000);
    pool_free(s_pool);
}

TestSuite(reload_hold, .init = setup, .fini = teardown, .timeout = 60);

Test(reload_hold, one_holder_at_a_time) {
    cr_expect(reload_target_hold(s_target));
    cr_expect_not(reload_target_hold(s_target));
    reload_target_let_go(s_target);
    cr_expect(reload_target_hold(s_target));
    reload_target_let_go(s_target);
}

static void await_news(void) {
    while (!reload_target_has_news(s_target)) {
    }
}

Test(reload_hold, an_edit_is_news_and_waits_until_it_is_let_go) {
    cr_assert(reload_target_hold(s_target));
    cr_expect_not(reload_target_has_news(s_target));
    save_file(s_path, "2");
    await_news();
    cr_expect(eq(u32, s_steps[RELOAD_STEP_DETECTED], 0));
    reload_target_let_go(s_target);
    await_step(RELOAD_STEP_SWITCHED, 1);
    await_free();
    cr_expect_not(reload_target_has_news(s_target));
}

Test(reload_hold, a_reload_that_is_asked_for_is_news_and_waits) {
    cr_assert(reload_target_hold(s_target));
    cr_assert(eq(int, reload_target_request(s_target, "asked", NULL, NULL, NULL), 0));
    cr_expect(reload_target_has_news(s_target));
    cr_expect(eq(u32, s_steps[RELOAD_STEP_SWITCHED], 0));
    reload_target_let_go(s_target);
    await_step(RELOAD_STEP_SWITCHED, 1);
}

Test(reload_hold, a_due_reload_goes_first) {
    cr_assert(reload_target_hold(s_target));
    cr_assert(eq(int, reload_target_request(s_target, "asked", NULL, NULL, NULL), 0));
    reload_target_let_go(s_target);
    cr_expect_not(reload_target_hold(s_target));
    await_free();
}

Test(reload_hold, settled_is_told_when_it_can_be_held_again) {
    save_file(s_path, "2");
    await_step(RELOAD_STEP_RETIRED, 1);
    await_free();
    cr_expect(eq(u32, s_steps[RELOAD_STEP_SWITCHED], 1));
}

Test(reload_hold, settled_is_told_after_a_load_that_failed) {
    s_source = "1 / 0";
    save_file(s_path, "2");
    await_step(RELOAD_STEP_KEPT, 1);
    await_free();
}

Test(reload_hold, the_hook_may_hold_it_and_the_next_edit_waits) {
    s_holds_when_settled = true;
    save_file(s_path, "2");
    await_free();
    save_file(s_path, "3");
    cr_expect_not(reload_target_hold(s_target));
    s_holds_when_settled = false;
    reload_target_let_go(s_target);
    await_step(RELOAD_STEP_SWITCHED, 2);
}

Test(reload_hold, dismissed_edits_are_no_news) {
    reloader_dismiss(s_reloader);
    save_file(s_path, "2");
    cr_assert(eq(int, reload_target_request(s_target, "asked", NULL, NULL, NULL), 0));
    await_free();
    cr_expect_not(reload_target_has_news(s_target));
    cr_expect(reload_target_hold(s_target));
    reload_target_let_go(s_target);
}

static void *remove_target(void *unused) {
    reloader_remove(s_reloader, s_target);
    return unused;
}

Test(reload_hold, removing_it_is_news_and_waits_for_the_holder) {
    pthread_t removal;
    cr_assert(reload_target_hold(s_target));
    cr_assert(eq(int, pthread_create(&removal, NULL, remove_target, NULL), 0));
    await_news();
    reload_target_let_go(s_target);
    pthread_join(removal, NULL);
}
