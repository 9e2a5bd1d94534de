#include "fcgi_host/worker/orphan.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fcgi_host/link/lifeline.h"

/** -1: closed */
static _Atomic int s_listen_fd = -1;

/** A signal that neither the C library nor applications use, next to that of app/stacks.c. */
static int orphan_signal(void) {
    return SIGRTMAX - 3;
}

void orphan_close_listening(void) {
    int fd = atomic_exchange(&s_listen_fd, -1);
    if (fd >= 0) {
        close(fd);
    }
}

_Noreturn void orphan_end(void) {
    orphan_close_listening();
    kill(getpid(), SIGKILL);
    _exit(1); /* not reached */
}

static void end_here(void) {
    orphan_end();
}

static void supervisor_has_ended(int signal_number) {
    (void)signal_number;
    orphan_end();
}

void orphan_start(int listen_fd, struct lifeline *lifeline) {
    struct sigaction action = {.sa_handler = supervisor_has_ended};
    sigemptyset(&action.sa_mask);
    atomic_store(&s_listen_fd, listen_fd);
    pthread_atfork(NULL, NULL, orphan_close_listening);
    if (sigaction(orphan_signal(), &action, NULL) == 0) {
        prctl(PR_SET_PDEATHSIG, orphan_signal()); /* if it fails, SIGKILL still comes */
    }
    if (lifeline) {
        lifeline_watch(lifeline, end_here, NULL); /* if it fails, the signal still comes */
    }
}
