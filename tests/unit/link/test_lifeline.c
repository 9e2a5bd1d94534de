#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/link/lifeline.h"

enum { WORKERS = 3 };

static int s_pipe[2];

static void tell(void) {
    cr_assert_eq(write(s_pipe[1], "!", 1), 1);
}

/** Be a supervisor with workers that do nothing but watch. */
static void supervise(void) {
    struct lifeline *lifeline = lifeline_new(NULL);
    cr_assert_not_null(lifeline);
    for (int i = 0; i < WORKERS; i++) {
        if (fork() == 0) {
            cr_assert_eq(lifeline_watch(lifeline, tell, NULL), 0);
            cr_assert_eq(write(s_pipe[1], ".", 1), 1);
            pause();
        }
    }
    pause();
}

static void await_bytes(char want) {
    char byte = 0;
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(read(s_pipe[0], &byte, 1), 1);
        cr_assert_eq(byte, want);
    }
}

Test(lifeline, every_worker_learns_that_its_supervisor_was_killed, .timeout = 60) {
    cr_assert_eq(pipe(s_pipe), 0);
    pid_t supervisor = fork();
    if (supervisor == 0) {
        setpgid(0, 0);
        supervise();
    }
    await_bytes('.');
    kill(supervisor, SIGKILL);
    await_bytes('!');
    waitpid(supervisor, NULL, 0);
    kill(-supervisor, SIGKILL); /* its workers */
}
