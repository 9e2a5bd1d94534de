#include "reload/watch/watch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/save_file.h"
#include "tests/support/temporary_folder.h"

static const char *s_base;

static const char *below(const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", s_base, name);
    return path;
}

static void setup(void) {
    s_base = temporary_folder();
    mkdir(below("app"), 0700);
    save_file(below("app/a.py"), "1");
}

struct seen {
    char paths[4096];
    bool has_structure, has_times, has_writing;
};

static void note(void *ctx, const char *path, enum watch_news news) {
    struct seen *seen = ctx;
    size_t used = strlen(seen->paths);
    snprintf(seen->paths + used, sizeof seen->paths - used, "%s\n", path ? path : "overflow");
    seen->has_structure |= news == WATCH_FOLDER || news == WATCH_ALL;
    seen->has_times |= news == WATCH_TIMES;
    seen->has_writing |= news == WATCH_WRITING;
}

static struct seen take(struct watch *watch) {
    struct seen seen = {.paths = ""};
    struct pollfd waiting = {.fd = watch_fd(watch), .events = POLLIN};
    poll(&waiting, 1, 1000);
    watch_read(watch, note, &seen);
    return seen;
}

TestSuite(watch, .init = setup);

Test(watch, tells_of_rename_over_and_of_truncate_and_write) {
    struct watch *watch = watch_new(NULL);
    cr_assert_eq(watch_path(watch, below("app/a.py"), false, NULL), 0);
    save_file(below("app/.a.py.swp"), "2");
    rename(below("app/.a.py.swp"), below("app/a.py"));
    cr_expect(strstr(take(watch).paths, "/app/a.py\n"));
    save_file(below("app/a.py"), "3");
    cr_expect(strstr(take(watch).paths, "/app/a.py\n"));
    watch_free(watch);
}

Test(watch, tells_of_a_touch_and_of_writing_where_it_is_asked_to) {
    struct watch *watch = watch_new(NULL);
    const struct timespec given[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    cr_assert_eq(watch_path(watch, below("app/a.py"), false, NULL), 0);
    watch_touch(watch, below("app/a.py"));
    utimensat(AT_FDCWD, below("app/a.py"), given, 0);
    struct seen seen = take(watch);
    cr_expect(strstr(seen.paths, "/app/a.py\n"));
    cr_expect(seen.has_times && !seen.has_structure && !seen.has_writing);
    save_file(below("app/a.py"), "1");
    seen = take(watch);
    cr_expect(seen.has_writing && !seen.has_structure && !seen.has_times);
    watch_free(watch);
}

Test(watch, tells_of_a_switched_symbolic_link_and_of_what_happens_behind_it) {
    struct watch *watch = watch_new(NULL);
    mkdir(below("next"), 0700);
    cr_assert_eq(symlink("app", below("current")), 0);
    cr_assert_eq(watch_path(watch, below("current/a.py"), false, NULL), 0);
    save_file(below("app/a.py"), "2");
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
    save_file(below("unrelated"), "x");
    struct pollfd waiting = {.fd = watch_fd(watch), .events = POLLIN};
    cr_expect_eq(poll(&waiting, 1, 50), 0);
    watch_free(watch);
}

Test(watch, tells_of_a_linked_file_by_the_name_of_the_link) {
    struct watch *watch = watch_new(NULL);
    mkdir(below("shared"), 0700);
    save_file(below("shared/version-1.py"), "1");
    cr_assert_eq(symlink("../shared/version-1.py", below("app/b.py")), 0);
    cr_assert_eq(watch_path(watch, below("app/b.py"), false, NULL), 0);
    save_file(below("shared/version-1.py"), "2");
    cr_expect(strstr(take(watch).paths, "/app/b.py\n"));
    save_file(below("shared/other.py"), "2");
    struct seen seen = take(watch);
    cr_expect_not(strstr(seen.paths, "b.py"), "%s", seen.paths);
    rename(below("shared"), below("gone"));
    cr_expect(take(watch).has_structure);
    watch_free(watch);
}

Test(watch, of_a_folder_where_a_path_ends_only_the_awaited_name_is_told) {
    struct watch *watch = watch_new(NULL);
    cr_assert_eq(watch_path(watch, below("to/come/a.py"), false, NULL), 0);
    save_file(below("unrelated"), "x");
    mkdir(below("too"), 0700);
    mkdir(below("to"), 0700);
    struct seen seen = take(watch);
    char expected[300];
    snprintf(expected, sizeof expected, "%s\n", below("to"));
    cr_expect_str_eq(seen.paths, expected);
    cr_expect(seen.has_structure);
    watch_free(watch);
}

static void note_news(void *ctx, const char *path, enum watch_news news) {
    unsigned *counts = ctx;
    (void)path;
    counts[news]++;
}

Test(watch, a_folder_that_comes_and_goes_in_a_watched_one_concerns_no_other) {
    struct watch *watch = watch_new(NULL);
    unsigned counts[3] = {0};
    cr_assert_eq(watch_path(watch, below("app"), true, NULL), 0);
    mkdir(below("app/new"), 0700);
    watch_read(watch, note_news, counts);
    cr_assert_eq(watch_path(watch, below("app/new"), true, NULL), 0);
    rmdir(below("app/new"));
    watch_read(watch, note_news, counts);
    cr_expect_eq(counts[WATCH_ALL], 0);
    cr_expect_geq(counts[WATCH_FOLDER], 2);
    rename(below("app"), below("old"));
    watch_read(watch, note_news, counts);
    cr_expect_geq(counts[WATCH_ALL], 1);
    watch_free(watch);
}
