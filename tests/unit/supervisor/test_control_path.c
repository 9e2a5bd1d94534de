/** Where the control socket is, and what it may be put in the place of. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/supervisor/control.h"
#include "tests/support/temporary_folder.h"

Test(control_path, p_becomes_the_process_id_once) {
    char path[64];
    cr_assert_eq(control_path("/run/x.ctl", 7, path, sizeof path, NULL), 0);
    cr_assert_str_eq(path, "/run/x.ctl");
    cr_assert_eq(control_path("/run/x-%p.ctl", 4711, path, sizeof path, NULL), 0);
    cr_assert_str_eq(path, "/run/x-4711.ctl");
}

Test(control_path, one_that_does_not_fit_is_refused_not_cut) {
    char path[12];
    struct error err = {0};
    cr_assert_eq(control_path("/run/x-%p.ctl", 4711, path, sizeof path, &err), -1);
    cr_assert_eq(err.code, ERR_USAGE);
    cr_assert_eq(control_path("", 1, path, sizeof path, &err), -1);
}

/* ---- The file ---- */

static char s_path[TEMPORARY_FOLDER_SIZE + 8];
static struct loop *s_loop;

static void setup(void) {
    snprintf(s_path, sizeof s_path, "%s/control", temporary_folder());
    s_loop = loop_new(NULL);
    cr_assert_not_null(s_loop);
}

static void teardown(void) {
    loop_free(s_loop);
}

TestSuite(control_file, .init = setup, .fini = teardown);

/* connect(2) refuses an ordinary file as it refuses a socket that nobody listens at. */
Test(control_file, a_file_that_is_no_socket_is_left_alone) {
    const struct control_hooks hooks = {0};
    struct error err;
    struct stat status;
    FILE *file = fopen(s_path, "w");
    cr_assert(file && fputs("years of work", file) != EOF && fclose(file) == 0);
    cr_expect_null(control_new(s_loop, s_path, &hooks, &err));
    cr_expect_not_null(strstr(err.text, "is not a socket"), "%s", err.text);
    cr_expect(lstat(s_path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 13);
}

Test(control_file, what_somebody_put_in_the_place_of_the_socket_is_left_alone) {
    const struct control_hooks hooks = {0};
    struct error err;
    struct stat status;
    struct control *control = control_new(s_loop, s_path, &hooks, &err);
    cr_assert_not_null(control, "%s", err.text);
    cr_assert_eq(unlink(s_path), 0);
    cr_assert_eq(mkdir(s_path, 0700), 0);
    control_free(control);
    cr_expect(lstat(s_path, &status) == 0 && S_ISDIR(status.st_mode));
    rmdir(s_path);

    control = control_new(s_loop, s_path, &hooks, &err);
    FILE *file = control && unlink(s_path) == 0 ? fopen(s_path, "w") : NULL;
    cr_assert(file && fclose(file) == 0);
    control_free(control);
    cr_expect(lstat(s_path, &status) == 0 && S_ISREG(status.st_mode));
}

Test(control_file, a_socket_that_a_killed_process_left_is_replaced) {
    const struct control_hooks hooks = {0};
    struct error err;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", s_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    struct control *control = control_new(s_loop, s_path, &hooks, &err);
    cr_expect_not_null(control, "%s", err.text);
    control_free(control);
}
