/** The order of a worker's start-up: with builds that tests control, then with real interpreters.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/worker/hooks.h"
#include "fcgi_host/worker/loader.h"
#include "fcgi_host/worker/loading.h"
#include "fcgi_host/worker/predecessor.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/pool.h"
#include "pool/python/runtime.h"
#include "tests/support/temporary_folder.h"

TestSuite(loading, .timeout = 60);

/* ---- The order ---- */

enum { BUILDS = 4, NEVER_MS = 3600 * 1000 };

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static char s_events[64]; /* @lock; "b0" has begun, "e0" has ended */
static sem_t s_may_end[BUILDS];

static void note(char what, size_t index) {
    pthread_mutex_lock(&s_lock);
    size_t length = strlen(s_events);
    snprintf(s_events + length, sizeof s_events - length, "%c%zu ", what, index);
    pthread_mutex_unlock(&s_lock);
}

static void await_semaphore(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0) {
    }
}

static void build_at_once(void *ctx, size_t index) {
    (void)ctx;
    note('b', index);
    note('e', index);
}

/** Build 0 is slow: it ends only when the last one has begun. */
static void build_first_slowly(void *ctx, size_t index) {
    (void)ctx;
    note('b', index);
    if (index == BUILDS - 1) {
        sem_post(&s_may_end[0]);
    }
    if (index == 0) {
        await_semaphore(&s_may_end[0]);
    }
    note('e', index);
}

/** Each ends only when the next one has begun: together they would wait for ever, if one held up
 *  the next. */
static void build_overlapping(void *ctx, size_t index) {
    (void)ctx;
    note('b', index);
    if (index > 0) {
        sem_post(&s_may_end[index - 1]);
    }
    if (index < BUILDS - 1) {
        await_semaphore(&s_may_end[index]);
    }
    note('e', index);
}

static void run_plan(void (*build)(void *ctx, size_t index), size_t count, unsigned next_ms) {
    const struct loading_plan plan = {.count = count, .build = build, .next_ms = next_ms};
    for (size_t i = 0; i < BUILDS; i++) {
        sem_init(&s_may_end[i], 0, 0);
    }
    loading_run(&plan);
}

Test(loading, builds_run_one_after_the_other) {
    run_plan(build_at_once, BUILDS, NEVER_MS);
    cr_assert_str_eq(s_events, "b0 e0 b1 e1 b2 e2 b3 e3 ");
}

Test(loading, nothing_to_build_is_done_at_once) {
    run_plan(build_at_once, 0, NEVER_MS);
    cr_assert_str_eq(s_events, "");
}

Test(loading, a_slow_build_no_longer_holds_up_the_next_and_is_awaited_at_the_end) {
    run_plan(build_first_slowly, BUILDS, 1);
    cr_assert_eq(strlen(s_events), 3 * 2 * BUILDS, "%s", s_events);
    const char *last_began = strstr(s_events, "b3"), *slow_ended = strstr(s_events, "e0");
    cr_assert(last_began && slow_ended && last_began < slow_ended, "%s", s_events);
}

Test(loading, each_build_has_a_thread_of_its_own) {
    run_plan(build_overlapping, BUILDS, 1);
    cr_assert_eq(strlen(s_events), 3 * 2 * BUILDS, "%s", s_events);
}

static void build_first_until_told(void *ctx, size_t index) {
    (void)ctx;
    note('b', index);
    if (index == 0) {
        await_semaphore(&s_may_end[0]);
    }
    note('e', index);
}

static void note_slow_left(void *ctx) {
    (void)ctx;
    note('s', BUILDS);
    sem_post(&s_may_end[0]);
}

Test(loading, when_only_a_slow_build_is_left_that_is_told_once) {
    const struct loading_plan plan = {.count = BUILDS,
                                      .build = build_first_until_told,
                                      .slow_left = note_slow_left,
                                      .next_ms = 1};
    sem_init(&s_may_end[0], 0, 0);
    loading_run(&plan);
    const char *told = strstr(s_events, "s4 ");
    cr_assert(told && told < strstr(s_events, "e0"), "%s", s_events);
    cr_assert_null(strstr(told + 1, "s4"));
}

Test(loading, of_slow_builds_nothing_is_told_where_there_are_none) {
    const struct loading_plan plan = {
        .count = BUILDS, .build = build_at_once, .slow_left = note_slow_left, .next_ms = NEVER_MS};
    loading_run(&plan);
    cr_assert_str_eq(s_events, "b0 e0 b1 e1 b2 e2 b3 e3 ");
}

/* ---- The supervisor's view ---- */

static struct channel_end s_supervisor;
static int s_worker_end = -1; /* what the worker sends is received here */
static struct predecessor s_predecessor;
static struct loader s_loader;
static struct pool *s_pool;
static const char *s_folder;

static void start_pool(void) {
    static const struct runtime_builtin s_builtins[] = {{"fcgi_host", wsgi_module_init},
                                                        {NULL, NULL}};
    const struct runtime_options options = {.builtins = s_builtins};
    struct pool_hooks hooks;
    struct error err;
    int ends[2];
    cr_assert_eq(log_open("/dev/null", LOG_DEBUG, &err), 0);
    cr_assert_eq(channel_pair(ends, &err), 0);
    s_worker_end = ends[0];
    s_supervisor = (struct channel_end){.fd = ends[1]};
    predecessor_init(&s_predecessor, -1);
    s_loader = (struct loader){
        .supervisor = &s_supervisor, .predecessor = &s_predecessor, .startup_timeout_ms = 30000};
    scoreboard_use(scoreboard_new(&err));
    cr_assert_eq(runtime_start(&options, &err), 0, "%s", err.text);
    hooks_fill(&s_loader, &hooks);
    s_pool = pool_new(&hooks, &err);
    cr_assert_not_null(s_pool);
    s_folder = temporary_folder();
}

static struct pool_interpreter *add_interpreter(const char *name) {
    struct error err;
    struct pool_interpreter *interpreter;
    const struct pool_interpreter_options options = {.name = name, .stop_threads_ms = 1000};
    cr_assert_eq(pool_add_interpreter(s_pool, &options, &interpreter, &err), 0);
    return interpreter;
}

static struct application *add_application(struct pool_interpreter *interpreter, const char *name,
                                           const char *source) {
    struct error err;
    struct app_config *config = calloc(1, sizeof *config);
    cr_assert_not_null(config);
    config->name = strdup(name);
    cr_assert_geq(asprintf(&config->file, "%s/%s.wsgi", s_folder, name), 0);
    FILE *file = fopen(config->file, "we");
    cr_assert_not_null(file);
    fputs(source, file);
    fclose(file);
    struct application *application = application_new(config, config, false, 0);
    cr_assert_not_null(application);
    const struct pool_app_options options = {
        .name = name, .threads = 1, .queue_limit = 1, .user = application};
    cr_assert_eq(pool_add_app(interpreter, &options, &application->pool_app, &err), 0);
    return application;
}

/** Append the types and names of the messages up to CHANNEL_LOADED; a line for each. */
static void receive_until_loaded(char *messages, size_t size) {
    struct channel_message message = {0};
    struct error err;
    size_t used = 0;
    while (message.type != CHANNEL_LOADED) {
        struct pollfd wanted = {.fd = s_worker_end, .events = POLLIN};
        cr_assert_eq(poll(&wanted, 1, -1), 1);
        cr_assert_eq(channel_receive(s_worker_end, &message, &err), 0, "%s", err.text);
        const char *type = message.type == CHANNEL_REFUSED      ? "refused"
                           : message.type == CHANNEL_FAILED     ? "failed"
                           : message.type == CHANNEL_APP_LOADED ? "loaded"
                           : message.type == CHANNEL_LOADED     ? "all"
                                                                : "?";
        used += (size_t)snprintf(messages + used, size - used, "%s %s\n", type, message.name);
    }
    cr_assert_neq(channel_receive(s_worker_end, &message, &err), 0, "LOADED is the last");
    cr_assert_eq(err.code, ERR_BUSY);
}

static void end_pool(void) {
    cr_assert_eq(pool_stop(s_pool, 10000), 0);
}

#define GOOD "def application(environ, start_response):\n    return []\n"

Test(loading, the_supervisor_is_told_of_each_application_in_order_and_of_the_end_last) {
    char messages[1024];
    struct error err;
    start_pool();
    struct pool_interpreter *interpreters[] = {add_interpreter("blog"), add_interpreter("shop"),
                                               add_interpreter("wiki")};
    add_application(interpreters[0], "blog", GOOD);
    add_application(interpreters[1], "shop", "import a_module_that_is_not_there\n");
    add_application(interpreters[2], "wiki", GOOD);
    cr_assert_eq(loading_start(&s_loader, interpreters, 3, &err), 0);
    receive_until_loaded(messages, sizeof messages);
    cr_assert_str_eq(messages, "loaded blog\nfailed shop\nloaded wiki\nall \n");
    end_pool();
}

Test(loading, applications_of_one_interpreter_do_not_share_a_failure) {
    char messages[1024];
    struct error err;
    start_pool();
    struct pool_interpreter *interpreter = add_interpreter("site");
    add_application(interpreter, "blog", "raise RuntimeError('as asked')\n");
    add_application(interpreter, "shop", GOOD);
    cr_assert_eq(loading_start(&s_loader, &interpreter, 1, &err), 0);
    receive_until_loaded(messages, sizeof messages);
    cr_assert_str_eq(messages, "failed blog\nloaded shop\nall \n");
    end_pool();
}

Test(loading, an_interpreter_may_be_removed_once_none_is_being_loaded) {
    static const char s_waits[] =
        "import os\nopen(os.path.join(os.path.dirname(__file__), 'gate')).read()\n" GOOD;
    char gate[TEMPORARY_FOLDER_SIZE + 8];
    sem_t has_loaded;
    struct error err;
    struct channel_message message;
    start_pool();
    cr_assert_eq(sem_init(&has_loaded, 0, 0), 0);
    s_loader.has_loaded = &has_loaded;
    snprintf(gate, sizeof gate, "%s/gate", s_folder);
    cr_assert_eq(mkfifo(gate, 0600), 0);
    struct pool_interpreter *interpreters[] = {add_interpreter("blog"), add_interpreter("shop")};
    struct application *blog = add_application(interpreters[0], "blog", GOOD);
    add_application(interpreters[1], "shop", s_waits);
    cr_assert_eq(loading_start(&s_loader, interpreters, 2, &err), 0);
    int opened = open(gate, O_WRONLY | O_CLOEXEC); /* returns when the shop is being loaded */
    cr_assert_geq(opened, 0);
    cr_assert_eq(channel_receive(s_worker_end, &message, &err), 0);
    cr_assert_str_eq(message.name, "blog");
    cr_assert_neq(sem_trywait(&has_loaded), 0, "the blog has loaded, but not the shop");
    close(opened);
    await_semaphore(&has_loaded);
    cr_assert_eq(pool_remove_interpreter(interpreters[0], 10000, &err), 0, "%s", err.text);
    application_free(blog);
    end_pool();
}
