/** The revision of an application's code: what files around it say. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/app/revision.h"
#include "tests/support/temporary_folder.h"

#define HASH "4bf92f3577b34da6a3ce929d0e0e47364bf92f35"
#define OTHER "00f067aa0ba902b700f067aa0ba902b700f067aa"

static char s_found[REVISION_BYTES];

static const char *path_of(const char *name) {
    static char s_path[512];
    snprintf(s_path, sizeof s_path, "%s/%s", temporary_folder(), name);
    return s_path;
}

static void make_folder(const char *name) {
    cr_assert_eq(mkdir(path_of(name), 0755), 0, "%s", name);
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file, "%s", name);
    fputs(text, file);
    fclose(file);
}

static const char *find(void) {
    revision_find(path_of("site/app/wsgi.py"), s_found);
    return s_found;
}

static void make_git(const char *head) {
    make_folder("site/.git");
    make_folder("site/.git/refs");
    make_folder("site/.git/refs/heads");
    write_file("site/.git/HEAD", head);
}

static void setup(void) {
    make_folder("site");
    make_folder("site/app");
    write_file("site/app/wsgi.py", "");
}

TestSuite(revision, .init = setup);

Test(revision, a_file_of_that_name_tells_it_from_above_too) {
    cr_expect_str_eq(find(), "");
    write_file("site/REVISION", "release-7 \t\r\nmore\n");
    cr_expect_str_eq(find(), "release-7");
    write_file("site/app/REVISION", "nearer");
    cr_expect_str_eq(find(), "nearer");
}

Test(revision, what_is_no_line_of_printable_characters_is_none) {
    write_file("site/REVISION", "two words\n");
    cr_expect_str_eq(find(), "");
    write_file("site/REVISION", "\x1b[31mred\n");
    cr_expect_str_eq(find(), "");
    write_file("site/REVISION", "\n");
    cr_expect_str_eq(find(), "");
    write_file("site/REVISION", HASH HASH "\n");
    cr_expect_str_eq(find(), "", "too long");
}

Test(revision, a_commit_that_is_checked_out_is_one) {
    make_git(HASH "\n");
    cr_expect_str_eq(find(), HASH);
}

Test(revision, a_branch_that_is_checked_out_is_its_commit) {
    make_git("ref: refs/heads/main\n");
    cr_expect_str_eq(find(), "", "nothing was committed");
    write_file("site/.git/packed-refs",
               "# pack-refs with: peeled\n" OTHER " refs/heads/main2\n" HASH
               " refs/heads/main\n^" OTHER "\n");
    cr_expect_str_eq(find(), HASH);
    write_file("site/.git/refs/heads/main", OTHER "\n");
    cr_expect_str_eq(find(), OTHER);
}

Test(revision, a_linked_work_tree_has_the_branches_of_its_repository) {
    make_folder("repository");
    make_folder("repository/refs");
    make_folder("repository/refs/heads");
    make_folder("repository/worktrees");
    make_folder("repository/worktrees/site");
    write_file("repository/refs/heads/topic", HASH "\n");
    write_file("repository/worktrees/site/HEAD", "ref: refs/heads/topic\n");
    write_file("repository/worktrees/site/commondir", "../..\n");
    write_file("site/.git", "gitdir: ../repository/worktrees/site\n");
    cr_expect_str_eq(find(), HASH);
}

Test(revision, links_to_a_release_are_followed) {
    make_folder("releases");
    make_folder("releases/8");
    write_file("releases/8/wsgi.py", "");
    write_file("releases/8/REVISION", "eight\n");
    cr_assert_eq(unlink(path_of("site/app/wsgi.py")), 0);
    cr_assert_eq(symlink("../../releases/8/wsgi.py", path_of("site/app/wsgi.py")), 0);
    cr_expect_str_eq(find(), "eight");
}

Test(revision, without_the_file_there_is_none) {
    revision_find("/no/such/file.py", s_found);
    cr_expect_str_eq(s_found, "");
}
