#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/supervisor/state_file.h"
#include "tests/support/temporary_folder.h"

static char s_folder[TEMPORARY_FOLDER_SIZE + 8], s_path[sizeof s_folder + 8];
static struct error s_err;

static void set_up(void) {
    snprintf(s_folder, sizeof s_folder, "%s/state", temporary_folder());
    snprintf(s_path, sizeof s_path, "%s/it", s_folder);
    cr_assert(eq(int, state_file_prepare(s_folder, &s_err), 0), "%s", s_err.text);
}

TestSuite(state_file, .init = set_up);

static void write_it(const char *text) {
    cr_assert(eq(int, state_file_write(s_folder, "it", text, strlen(text), &s_err), 0), "%s",
              s_err.text);
}

/** @return what is read, valid until the next call; NULL: nothing is there */
static const char *read_it(void) {
    static char s_text[64];
    char *text;
    size_t bytes;
    cr_assert(eq(int, state_file_read(s_folder, "it", 50, &text, &bytes, &s_err), 0), "%s",
              s_err.text);
    snprintf(s_text, sizeof s_text, "%s", text ? text : "");
    bool is_there = text != NULL;
    free(text);
    return is_there ? s_text : NULL;
}

static void expect_unread(const char *why) {
    char *text = s_path;
    size_t bytes;
    cr_expect(eq(int, state_file_read(s_folder, "it", 50, &text, &bytes, &s_err), -1));
    cr_expect(eq(int, s_err.code, ERR_PROTOCOL));
    cr_expect_not_null(strstr(s_err.text, why), "%s", s_err.text);
    cr_expect_null(text);
}

Test(state_file, what_was_written_last_is_read) {
    cr_expect_null(read_it());
    write_it("one");
    cr_expect_str_eq(read_it(), "one");
    write_it("");
    cr_expect_str_eq(read_it(), "");
}

Test(state_file, the_folder_and_the_file_are_their_users) {
    struct stat status;
    write_it("one");
    cr_assert(eq(int, stat(s_folder, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0700));
    cr_assert(eq(int, stat(s_path, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0600));
}

Test(state_file, a_folder_that_is_there_stays_as_it_is) {
    struct stat status;
    chmod(s_folder, 0755);
    cr_expect(eq(int, state_file_prepare(s_folder, &s_err), 0));
    cr_assert(eq(int, stat(s_folder, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0755));
}

Test(state_file, only_the_last_folder_is_made) {
    char deep[sizeof s_folder + 16];
    snprintf(deep, sizeof deep, "%s/no/such", s_folder);
    cr_expect(eq(int, state_file_prepare(deep, &s_err), -1));
    cr_expect(eq(int, s_err.code, ERR_SYSTEM));
    cr_expect(eq(int, state_file_write(deep, "it", "x", 1, &s_err), -1));
    write_it("x");
    cr_expect(eq(int, state_file_prepare(s_path, &s_err), -1), "a file is no folder");
}

Test(state_file, a_write_that_fails_leaves_nothing_behind) {
    cr_assert(eq(int, mkdir(s_path, 0700), 0));
    cr_expect(eq(int, state_file_write(s_folder, "it", "x", 1, &s_err), -1));
    cr_expect(eq(int, s_err.code, ERR_SYSTEM));
    cr_assert(eq(int, rmdir(s_path), 0));
    cr_expect(eq(int, rmdir(s_folder), 0), "it is empty");
    cr_assert(eq(int, mkdir(s_folder, 0700), 0));
}

Test(state_file, a_file_that_is_too_long) {
    char text[60] = "";
    memset(text, 'x', 51);
    write_it(text);
    expect_unread("more than 50 bytes");
    text[50] = '\0';
    write_it(text);
    cr_expect_str_eq(read_it(), text);
}

Test(state_file, a_file_that_others_may_write) {
    write_it("x");
    chmod(s_path, 0620);
    expect_unread("another user");
    chmod(s_path, 0602);
    expect_unread("another user");
    chmod(s_path, 0644);
    cr_expect_str_eq(read_it(), "x");
}

Test(state_file, what_is_no_plain_file) {
    cr_assert(eq(int, symlink("/etc/passwd", s_path), 0));
    expect_unread("");
    unlink(s_path);
    cr_assert(eq(int, mkfifo(s_path, 0600), 0));
    expect_unread("not a plain file");
    unlink(s_path);
    cr_assert(eq(int, mkdir(s_path, 0700), 0));
    expect_unread("not a plain file");
}

Test(state_file, set_aside_it_is_out_of_the_way) {
    for (int i = 0; i < 2; i++) {
        write_it("x");
        cr_expect(eq(int, state_file_set_aside(s_folder, "it", &s_err), 0));
        cr_expect_null(read_it());
    }
    cr_expect(eq(int, state_file_set_aside(s_folder, "it", &s_err), -1));
    cr_expect(eq(int, s_err.code, ERR_SYSTEM));
}
