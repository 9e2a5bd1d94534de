#include "tests/support/temporary_folder.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/** Tell a child that has no folder yet of this process's, and wait for it. @return wait status */
static int in_child(int (*run)(const char *given)) {
    char given[TEMPORARY_FOLDER_SIZE];
    int ends[2], status;
    cr_assert(eq(int, pipe(ends), 0));
    pid_t child = fork(); /* before the first call: it would share the folder */
    if (child == 0) {
        close(ends[1]);
        exit(read(ends[0], given, sizeof given) == sizeof given ? run(given) : 99);
    }
    snprintf(given, sizeof given, "%s", temporary_folder());
    cr_assert(eq(long, write(ends[1], given, sizeof given), sizeof given));
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    return status;
}

static int count_entries(const char *path) {
    int count = -2; /* . and .. */
    DIR *folder = opendir(path);
    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

Test(temporary_folder, is_the_same_at_every_call_and_private) {
    struct stat status;
    const char *folder = temporary_folder();
    cr_expect(temporary_folder() == folder);
    cr_expect(lt(sz, strlen(folder), TEMPORARY_FOLDER_SIZE));
    cr_assert(eq(int, stat(folder, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0700));
    cr_expect(eq(int, count_entries(folder), 0));
}

static int make_tree(const char *given) {
    char path[128];
    snprintf(path, sizeof path, "%s/kept", given);
    bool is_made = mkdir(path, 0700) == 0;
    snprintf(path, sizeof path, "%s/own", given);
    is_made = is_made && symlink(temporary_folder(), path) == 0;
    snprintf(path, sizeof path, "%s/folder", temporary_folder());
    is_made = is_made && mkdir(path, 0700) == 0;
    snprintf(path, sizeof path, "%s/folder/fifo", temporary_folder());
    is_made = is_made && mkfifo(path, 0600) == 0;
    snprintf(path, sizeof path, "%s/folder/link", temporary_folder());
    is_made = is_made && symlink(given, path) == 0;
    snprintf(path, sizeof path, "%s/own/folder/link/kept", given);
    return is_made ? access(path, F_OK) : 1;
}

Test(temporary_folder, goes_with_what_is_in_it_but_not_with_what_a_link_leads_to) {
    char path[128];
    struct stat status;
    cr_expect(eq(int, in_child(make_tree), 0));
    snprintf(path, sizeof path, "%s/kept", temporary_folder());
    cr_expect(eq(int, access(path, F_OK), 0));
    snprintf(path, sizeof path, "%s/own", temporary_folder());
    cr_expect(eq(int, lstat(path, &status), 0));
    cr_expect(eq(int, stat(path, &status), -1), "the link is here, the child's folder is not");
}

Test(temporary_folder, stays_where_a_child_exits) {
    int status;
    const char *folder = temporary_folder();
    pid_t child = fork();
    if (child == 0) {
        exit(temporary_folder() == folder ? 0 : 1);
    }
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0));
    cr_expect(eq(int, access(folder, F_OK), 0));
}

static int go_through_a_link(const char *given) {
    char link[128];
    snprintf(link, sizeof link, "%s/link", given);
    if (symlink("..", link) != 0 || setenv("TMPDIR", link, 1) != 0) {
        return 2;
    }
    const char *folder = temporary_folder();
    size_t length = (size_t)(strrchr(given, '/') - given);
    return memcmp(folder, given, length) == 0 && strrchr(folder, '/') == folder + length ? 0 : 1;
}

Test(temporary_folder, has_a_path_without_symbolic_links) {
    cr_expect(eq(int, in_child(go_through_a_link), 0));
}

static int go_too_far(const char *given) {
    char path[256];
    snprintf(path, sizeof path, "%s/a-folder-whose-name-leaves-no-room-for-the-name-of-a-socket",
             given);
    if (mkdir(path, 0700) == 0 && setenv("TMPDIR", path, 1) == 0) {
        temporary_folder();
    }
    return 0;
}

Test(temporary_folder, fails_the_process_where_a_socket_would_have_no_room) {
    int status = in_child(go_too_far);
    bool is_killed = WIFSIGNALED(status);
    cr_expect(is_killed, "exit status %d", WEXITSTATUS(status));
}
