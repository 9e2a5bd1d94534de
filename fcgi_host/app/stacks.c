#include "fcgi_host/app/stacks.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgi_host/app/faulthandler.h"
#include "pool/base/clock.h"

static int s_fd = -1;
static sem_t s_written;
static void (*s_write_stack)(int signal_number); /* faulthandler's handler */

/** A signal that neither the C library nor applications use.  It is the last but two, because
 *  runtimes that take some of the real-time signals start from either end. */
static int stack_signal(void) {
    return SIGRTMAX - 2;
}

static void write_own_stack(int signal_number) {
    int saved = errno;
    s_write_stack(signal_number);
    sem_post(&s_written);
    errno = saved;
}

int stacks_start(struct error *err) {
    struct sigaction action;
    s_fd = memfd_create("fcgi_host-stack", MFD_CLOEXEC);
    if (s_fd < 0) {
        return error_set_errno(err, errno, "memfd_create");
    }
    if (sem_init(&s_written, 0, 0) || faulthandler_register(stack_signal(), s_fd, err)) {
        return -1;
    }
    /* Our handler calls faulthandler's, and so knows when the stack has been written. */
    if (sigaction(stack_signal(), NULL, &action)) {
        return error_set_errno(err, errno, "sigaction");
    }
    s_write_stack = action.sa_handler;
    action.sa_handler = write_own_stack;
    action.sa_flags = SA_RESTART | SA_ONSTACK; /* unnoticed by the application */
    if (sigaction(stack_signal(), &action, NULL)) {
        return error_set_errno(err, errno, "sigaction");
    }
    return 0;
}

static int await_written(unsigned timeout_ms, struct error *err) {
    const struct timespec deadline = clock_deadline(timeout_ms);
    while (sem_clockwait(&s_written, CLOCK_MONOTONIC, &deadline)) {
        if (errno != EINTR) {
            return error_set(err, ERR_TIMEOUT, "the thread takes no signal");
        }
    }
    return 0;
}

int stacks_of(pid_t thread_id, unsigned timeout_ms, char *text, size_t text_bytes,
              struct error *err) {
    text[0] = '\0';
    while (sem_trywait(&s_written) == 0) { /* an earlier thread answered after its time was up */
    }
    if (ftruncate(s_fd, 0) || lseek(s_fd, 0, SEEK_SET)) {
        return error_set_errno(err, errno, "memory file");
    }
    if (syscall(SYS_tgkill, getpid(), thread_id, stack_signal())) {
        return errno == ESRCH ? error_set(err, ERR_NOT_FOUND, "the thread has ended")
                              : error_set_errno(err, errno, "tgkill");
    }
    if (await_written(timeout_ms, err)) {
        return -1;
    }
    ssize_t size = pread(s_fd, text, text_bytes - 1, 0);
    size_t length = size > 0 ? (size_t)size : 0;
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    text[length] = '\0';
    return 0;
}
