#include "reload/watch/watch.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char s_base[] = "/tmp/watch.XXXXXX";

static const char *below(const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", s_base, name);
    return path;
}

static void save(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void setup(void) {
    cr_assert(mkdtemp(s_base));
    mkdir(below("app"), 0700);
    save(below("app/a.py"), "1");
}

struct seen {
    char paths[4096];
    bool has_structure;
};

static void note(void *ctx, const char *path, bool is_structure) {
    struct seen *seen = ctx;
    size_t used = strlen(seen->paths);
    snprintf(seen->paths + used, sizeof seen->paths - used, "%s\n", path ? path : "overflow");
    seen->has_structure |= is_structure;
}

static struct seen take(struct watch *watch) {
    struct seen seen = {"", false};
    struct pollfd waiting = {.fd = watch_fd(watch), .events = POLLIN};
    poll(&waiting, 1, 1000);
    watch_read(watch, note, &seen);
    return seen;
}

TestSuite(watch, .init = setup);

Test(watch, tells_of_rename_over_and_of_truncate_and_write) {
    struct watch *watch = watch_new(NULL);
    cr_assert_eq(watch_path(watch, below("app/a.py"), false, NULL), 0);
    save(below("app/.a.py.swp"), "2");
    rename(below("app/.a.py.swp"), below("app/a.py"));
    cr_expect(strstr(take(watch).paths, "/app/a.py\n"));
    save(below("app/a.py"), "3");
    cr_expect(strstr(take(watch).paths, "/app/a.py\n"));
    watch_free(watch);
}

Test(watch, tells_of_a_switched_symbolic_link_and_of_what_happens_behind_it) {
    struct watch *watch = watch_new(NULL);
    mkdir(below("next"), 0700);
    cr_assert_eq(symlink("app", below("current")), 0);
    cr_assert_eq(watch_path(watch, below("current/a.py"), false, NULL), 0);
    save(below("app/a.py"), "2");
    cr_expect(strstr(take(watch).paths, "/app/a.py\n"));
    cr_assert_eq(symlink("next", below("new-link")), 0);
    rename(below("new-link"), below("current"));
    struct seen seen = take(watch);
    cr_expect(strstr(seen.paths, "/current\n"), "%s", seen.paths);
    cr_expect(seen.has_structure);
    watch_free(watch);
}

Test(watch, tells_of_a_directory_moved_away_and_of_a_path_that_appears) {
    struct watch *watch = watch_new(NULL);
    cr_assert_eq(watch_path(watch, below("app/a.py"), false, NULL), 0);
    rename(below("app"), below("old"));
    cr_expect(take(watch).has_structure);
    cr_assert_eq(watch_path(watch, below("app/a.py"), false, NULL), 0);
    mkdir(below("app"), 0700);
    struct seen seen = take(watch);
    cr_expect(strstr(seen.paths, "/app\n"));
    cr_expect(seen.has_structure);
    watch_free(watch);
}

Test(watch, says_nothing_while_nothing_happens) {
    struct watch *watch = watch_new(NULL);
    watch_path(watch, below("app/a.py"), false, NULL);
    save(below("unrelated"), "x");
    struct pollfd waiting = {.fd = watch_fd(watch), .events = POLLIN};
    cr_expect_eq(poll(&waiting, 1, 50), 0);
    watch_free(watch);
}
