/** A reload for which the system gives no thread: told, and tried again with the next edit. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "reload/reloader.h"
#include "reload/reloader_internal.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/save_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/reload/reload_fixture.h"

static atomic_bool s_has_no_threads;
static sem_t s_kept, s_replaced;
static char s_cause[600], s_error[600];
static atomic_int s_told = -1;

/* Stands before the C library's: RLIMIT_NPROC does not hold for root. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *arg) {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (function == reload_run && atomic_load(&s_has_no_threads)) {
        return EAGAIN;
    }
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(thread, attributes, function, arg);
}

static void event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    (void)ctx, (void)target;
    if (event->step == RELOAD_STEP_KEPT) {
        snprintf(s_cause, sizeof s_cause, "%s", event->cause);
        snprintf(s_error, sizeof s_error, "%.599s", event->err->text);
        sem_post(&s_kept);
    } else if (event->step == RELOAD_STEP_REPLACED) {
        sem_post(&s_replaced);
    }
}

static void note_told(void *ctx, const struct reload_event *event) {
    (void)ctx;
    atomic_store(&s_told, (int)event->step);
}

static void await(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0) {
    }
}

Test(reload_without_threads, an_edit_is_told_as_kept_with_the_reason_and_the_next_one_reloads,
     .timeout = 60) {
    static const char *s_source = "def name(): return 'one'";
    const char *base = temporary_folder();
    char path[100];
    snprintf(path, sizeof path, "%s/app.py", base);
    save_file(path, "1");
    sem_init(&s_kept, 0, 0);
    sem_init(&s_replaced, 0, 0);
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &s_source, 1, 10);
    const struct reloader_hooks hooks = {
        .strategy = fixture_replaces_worker, .replace = fixture_no_replacement, .event = event};
    struct reloader *reloader = reloader_new(&hooks, NULL);
    struct reload_target *target;
    char *files[] = {path};
    const struct reload_target_options options = {.interpreter = pool_app_interpreter(app),
                                                  .base = base,
                                                  .files = {files, 1},
                                                  .is_watched = true};
    cr_assert(eq(int, reloader_add(reloader, &options, &target, NULL), 0));
    reload_target_loaded(target, NULL);

    atomic_store(&s_has_no_threads, true);
    save_file(path, "2");
    await(&s_kept);
    cr_expect(strstr(s_cause, "app.py") != NULL, "%s", s_cause);
    cr_expect(strstr(s_error, "cannot be started") != NULL, "%s", s_error);

    cr_assert(eq(int, reload_target_request(target, "asked", note_told, NULL, NULL), 0));
    await(&s_kept);
    cr_expect(eq(str, s_cause, (char *)"asked"));

    atomic_store(&s_has_no_threads, false);
    save_file(path, "3");
    await(&s_replaced);
    cr_expect(eq(int, atomic_load(&s_told), RELOAD_STEP_KEPT));
    reloader_free(reloader);
    pool_stop(pool, 2000);
    pool_free(pool);
}
