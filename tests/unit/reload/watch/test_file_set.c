#include "reload/watch/file_set.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/save_file.h"
#include "tests/support/temporary_folder.h"

static const char *s_base;
static char s_path[300];

static void setup(void) {
    s_base = temporary_folder();
    snprintf(s_path, sizeof s_path, "%s/a.py", s_base);
    save_file(s_path, "one");
}

TestSuite(file_set, .init = setup);

Test(file_set, touch_and_rewriting_the_same_content_change_nothing) {
    struct file_set *set = file_set_new(NULL);
    cr_assert_eq(file_set_add(set, s_path, NULL, NULL), 1);
    cr_assert_eq(file_set_add(set, s_path, NULL, NULL), 0);
    utimensat(AT_FDCWD, s_path, NULL, 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    save_file(s_path, "one");
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    file_set_free(set);
}

Test(file_set, a_touch_counts_where_it_is_told_of) {
    struct file_set *set = file_set_new(NULL);
    const struct timespec given[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    file_set_add(set, s_path, NULL, NULL);
    utimensat(AT_FDCWD, s_path, given, 0);
    file_set_touched(set, s_path);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    chmod(s_path, 0640);
    file_set_touched(set, s_path);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    save_file(s_path, "one"); /* the time is another, but nobody tells of a touch */
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    file_set_touched(set, "/no/such/file");
    file_set_free(set);
}

Test(file_set, edits_of_one_size_and_one_mtime_both_count) {
    struct file_set *set = file_set_new(NULL);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    utimensat(AT_FDCWD, s_path, times, 0);
    file_set_add(set, s_path, NULL, NULL);
    char first[300] = "";
    save_file(s_path, "two");
    utimensat(AT_FDCWD, s_path, times, 0);
    cr_expect_eq(file_set_changed(set, first, sizeof first), 1);
    cr_expect_str_eq(first, s_path);
    save_file(s_path, "six");
    utimensat(AT_FDCWD, s_path, times, 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    file_set_free(set);
}

Test(file_set, files_that_go_and_come_are_changes) {
    struct file_set *set = file_set_new(NULL);
    file_set_add(set, s_path, NULL, NULL);
    unlink(s_path);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    save_file(s_path, "one");
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    file_set_free(set);
}

Test(file_set, a_switched_symbolic_link_is_a_change_even_with_the_same_content) {
    char old_release[310], new_release[310], current[310], file[330];
    snprintf(old_release, sizeof old_release, "%s/41", s_base);
    snprintf(new_release, sizeof new_release, "%s/42", s_base);
    snprintf(current, sizeof current, "%s/current", s_base);
    mkdir(old_release, 0700);
    mkdir(new_release, 0700);
    snprintf(file, sizeof file, "%s/x.py", old_release);
    save_file(file, "same");
    snprintf(file, sizeof file, "%s/x.py", new_release);
    save_file(file, "same");
    cr_assert_eq(symlink("41", current), 0);
    snprintf(file, sizeof file, "%s/x.py", current);
    struct file_set *set = file_set_new(NULL);
    file_set_add(set, file, NULL, NULL);
    unlink(current);
    cr_assert_eq(symlink("42", current), 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    file_set_free(set);
}

Test(file_set, what_was_written_while_it_was_loaded_counts_once_unless_it_was_so_before) {
    struct timespec long_ago = {.tv_sec = 1};
    struct file_set *before = file_set_new(NULL), *set = file_set_new(NULL);
    file_set_add(set, s_path, &long_ago, NULL);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    file_set_free(set);

    file_set_add(before, s_path, NULL, NULL);
    set = file_set_new(NULL);
    file_set_add(set, s_path, &long_ago, NULL);
    file_set_settle(set, before);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    file_set_free(set);
    file_set_free(before);
}

static void count_unread(void *ctx, const char *path, const char *why) {
    char *text = ctx;
    size_t used = strlen(text);
    (void)why;
    snprintf(text + used, 1000 - used, "%s ", strrchr(path, '/') + 1);
}

/* /dev/zero has no end, a FIFO's reading end blocks or wakes its writer. */
Test(file_set, only_regular_files_are_read_and_the_others_never_change, .timeout = 60) {
    char zero[310], fifo[310], folder[310], unread[1000] = "";
    snprintf(zero, sizeof zero, "%s/zero", s_base);
    snprintf(fifo, sizeof fifo, "%s/fifo", s_base);
    snprintf(folder, sizeof folder, "%s/folder", s_base);
    cr_assert_eq(symlink("/dev/zero", zero), 0);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_assert_eq(mkdir(folder, 0700), 0);
    struct file_set *set = file_set_new(NULL);
    cr_expect_eq(file_set_add(set, s_path, NULL, NULL), 1);
    cr_expect_eq(file_set_add(set, zero, NULL, NULL), 0);
    cr_expect_eq(file_set_add(set, fifo, NULL, NULL), 0);
    cr_expect_eq(file_set_add(set, folder, NULL, NULL), 0);
    cr_expect(file_set_has(set, zero));
    file_set_each_unread(set, count_unread, unread);
    cr_expect(strstr(unread, "zero ") && strstr(unread, "fifo ") && strstr(unread, "folder "), "%s",
              unread);
    cr_expect_not(strstr(unread, "a.py"), "%s", unread);
    char inside[330];
    snprintf(inside, sizeof inside, "%s/x", folder);
    save_file(inside, "x"); /* the folder's times change */
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);

    unlink(s_path);
    cr_assert_eq(symlink("/dev/zero", s_path), 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1); /* what it held has gone */
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    unlink(zero);
    save_file(zero, "a file after all");
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    file_set_free(set);
}

Test(file_set, a_file_beyond_the_limit_is_compared_by_size_time_and_inode) {
    char unread[1000] = "";
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct file_set *set = file_set_new(NULL);
    cr_assert_eq(truncate(s_path, FILE_SET_BYTES_MAX + 1), 0);
    utimensat(AT_FDCWD, s_path, times, 0);
    cr_expect_eq(file_set_add(set, s_path, NULL, NULL), 1);
    file_set_each_unread(set, count_unread, unread);
    cr_expect_str_eq(unread, "a.py ");
    chmod(s_path, 0640);
    cr_expect_eq(file_set_changed(set, NULL, 0), 0);
    times[1].tv_sec = 1001;
    utimensat(AT_FDCWD, s_path, times, 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    cr_assert_eq(truncate(s_path, FILE_SET_BYTES_MAX), 0);
    cr_expect_eq(file_set_changed(set, NULL, 0), 1);
    unread[0] = '\0';
    file_set_each_unread(set, count_unread, unread);
    cr_expect_str_eq(unread, "");
    file_set_free(set);
}
