/** What folders that come and go cost, in system calls, and what is seen of them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reload/reloader.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/save_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/reload/reload_fixture.h"

enum { FOLDERS = 40, FILES_IN_EACH = 25, NEW_FOLDERS = 60 };

static atomic_uint s_watches, s_folders_read;
static sem_t s_replaced;
static char s_cause[600];
static const char *s_base;
static struct pool *s_pool;
static struct reloader *s_reloader;

/* These stand before the C library's. */
int inotify_add_watch(int fd, const char *path, uint32_t mask) {
    int (*call)(int, const char *, uint32_t);
    *(void **)&call = dlsym(RTLD_NEXT, "inotify_add_watch");
    atomic_fetch_add(&s_watches, 1);
    return call(fd, path, mask);
}

DIR *opendir(const char *path) {
    DIR *(*call)(const char *);
    *(void **)&call = dlsym(RTLD_NEXT, "opendir");
    if (s_base && strncmp(path, s_base, strlen(s_base)) == 0) {
        atomic_fetch_add(&s_folders_read, 1);
    }
    return call(path);
}

static void event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    (void)ctx, (void)target;
    if (event->step == RELOAD_STEP_REPLACED) {
        snprintf(s_cause, sizeof s_cause, "%s", event->cause);
        sem_post(&s_replaced);
    }
}

static void await_reload(const char *cause) {
    while (sem_wait(&s_replaced) != 0) {
    }
    cr_expect(strstr(s_cause, cause) != NULL, "%s, not %s", s_cause, cause);
}

__attribute__((format(printf, 1, 2))) static const char *below(const char *format, ...) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    int used = snprintf(path, sizeof paths[0], "%s/", s_base);
    va_list values;
    va_start(values, format);
    vsnprintf(path + used, sizeof paths[0] - (size_t)used, format, values);
    va_end(values);
    return path;
}

static void make_tree(const char *top) {
    cr_assert(eq(int, mkdir(below("%s", top), 0700), 0));
    for (int i = 0; i < FOLDERS; i++) {
        cr_assert(eq(int, mkdir(below("%s/%d", top, i), 0700), 0));
        for (int j = 0; j < FILES_IN_EACH; j++) {
            save_file(below("%s/%d/%d.txt", top, i, j), "x");
        }
    }
}

static void setup(void) {
    static const char *s_source = "def name(): return 'one'";
    static char *s_files[1], *s_watched[] = {(char *)"static/**/*.txt"};
    s_base = temporary_folder();
    s_files[0] = strdup(below("app.py"));
    save_file(s_files[0], "1");
    make_tree("static");
    sem_init(&s_replaced, 0, 0);
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &s_source, 1, 10);
    const struct reloader_hooks hooks = {
        .strategy = fixture_replaces_worker, .replace = fixture_no_replacement, .event = event};
    struct reload_target *target;
    const struct reload_target_options options = {.interpreter = pool_app_interpreter(app),
                                                  .base = s_base,
                                                  .files = {s_files, 1},
                                                  .watch = {s_watched, 1},
                                                  .is_watched = true};
    s_reloader = reloader_new(&hooks, NULL);
    cr_assert(eq(int, reloader_add(s_reloader, &options, &target, NULL), 0));
    reload_target_loaded(target, NULL);
}

static void teardown(void) {
    reloader_free(s_reloader);
    pool_stop(s_pool, 2000);
    pool_free(s_pool);
}

TestSuite(folder_events, .init = setup, .fini = teardown, .timeout = 60);

Test(folder_events, new_folders_cost_their_own_watches_only) {
    unsigned watches = atomic_load(&s_watches), folders_read = atomic_load(&s_folders_read);
    cr_expect(ge(uint, watches, FOLDERS));
    for (int i = 0; i < NEW_FOLDERS; i++) {
        cr_assert(eq(int, mkdir(below("static/new%d", i), 0700), 0));
    }
    save_file(below("app.py"), "2");
    await_reload("app.py");
    /* Each is watched, with the few that lead there, and read.  The reload looks at all once. */
    cr_expect(le(uint, atomic_load(&s_watches) - watches, 8 * NEW_FOLDERS));
    cr_expect(le(uint, atomic_load(&s_folders_read) - folders_read,
                 2 * NEW_FOLDERS + 2 * (FOLDERS + NEW_FOLDERS)));
}

Test(folder_events, a_file_in_a_new_folder_in_a_new_folder_is_seen) {
    cr_assert(eq(int, mkdir(below("static/a"), 0700), 0));
    cr_assert(eq(int, mkdir(below("static/a/b"), 0700), 0));
    save_file(below("static/a/b/first.txt"), "x");
    await_reload("first.txt");
    save_file(below("static/a/b/second.txt"), "x");
    await_reload("second.txt");
}

Test(folder_events, a_tree_that_is_moved_away_and_back_is_seen_and_then_watched_as_before) {
    rename(below("static/7"), below("7"));
    await_reload("static/7/");
    rename(below("7"), below("static/7"));
    await_reload("static/7/");
    save_file(below("static/7/3.txt"), "y");
    await_reload("static/7/3.txt");
}

Test(folder_events, the_top_of_a_pattern_may_go_and_come_back) {
    rename(below("static"), below("old"));
    await_reload("static/");
    rename(below("old"), below("static"));
    await_reload("static/");
    save_file(below("static/7/3.txt"), "y");
    await_reload("static/7/3.txt");
}

Test(folder_events, a_link_to_a_folder_that_appears_is_followed_and_its_switch_seen) {
    cr_assert(eq(int, mkdir(below("release%d", 1), 0700), 0));
    cr_assert(eq(int, mkdir(below("release%d", 2), 0700), 0));
    save_file(below("release%d/a.txt", 1), "1");
    save_file(below("release%d/a.txt", 2), "2");
    cr_assert(eq(int, symlink(below("release%d", 1), below("static/current")), 0));
    await_reload("static/current/a.txt");
    save_file(below("release%d/a.txt", 1), "3");
    await_reload("static/current/a.txt");
    cr_assert(eq(int, symlink(below("release%d", 2), below("next")), 0));
    cr_assert(eq(int, rename(below("next"), below("static/current")), 0));
    await_reload("static/current/a.txt");
    save_file(below("release%d/a.txt", 2), "4");
    await_reload("static/current/a.txt");
}
