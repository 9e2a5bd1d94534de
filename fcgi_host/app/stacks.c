#include "pool/python/py_compat.h"

#include "fcgi_host/app/stacks.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgi_host/app/stack_text.h"
#include "pool/base/clock.h"

enum {
    TEXT_BYTES = 64 << 10,
    TRIES = 3, /**< the next moment is another one */
};

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* one stack at a time */
static _Atomic pid_t s_asked; /* the thread that is to write; 0: none, or it has begun */
static sem_t s_written;
static char s_text[TEXT_BYTES]; /* the thread's that has begun, until s_written */
static bool s_is_whole;
static bool s_is_started;

/** Of the thread while it serves a request. */
static _Thread_local const PyThreadState *tl_tstate;
/** Where a read that faults goes on. */
static _Thread_local sigjmp_buf *tl_escape;

static const int s_faults[] = {SIGSEGV, SIGBUS};
static struct sigaction s_crash[2]; /* what a fault is but for that: a crash */

/** A signal that neither the C library nor applications use.  It is the last but two, because
 *  runtimes that take some of the real-time signals start from either end. */
static int stack_signal(void) {
    return SIGRTMAX - 2;
}

/** CPython may have been making or removing the frame that it was interrupted in. */
static void fault(int signal_number, siginfo_t *info, void *context) {
    const struct sigaction *crash = &s_crash[signal_number == SIGSEGV ? 0 : 1];
    if (tl_escape) {
        siglongjmp(*tl_escape, 1);
    }
    if (crash->sa_flags & SA_SIGINFO) {
        crash->sa_sigaction(signal_number, info, context);
    } else {
        crash->sa_handler(signal_number);
    }
}

static void write_own_stack(int signal_number) {
    int saved = errno;
    pid_t me = gettid();
    (void)signal_number;
    if (atomic_compare_exchange_strong(&s_asked, &me, 0)) { /* else it comes too late */
        sigjmp_buf escape;
        s_text[0] = '\0';
        s_is_whole = false;
        if (sigsetjmp(escape, 1) == 0) {
            tl_escape = &escape;
            atomic_signal_fence(memory_order_seq_cst);
            if (tl_tstate) {
                stack_text_write(tl_tstate, s_text, sizeof s_text);
            }
            s_is_whole = true;
        }
        atomic_signal_fence(memory_order_seq_cst);
        tl_escape = NULL;
        sem_post(&s_written);
    }
    errno = saved;
}

int stacks_start(struct error *err) {
    struct sigaction write = {.sa_handler = write_own_stack,
                              .sa_flags = SA_RESTART | SA_ONSTACK}; /* unnoticed by applications */
    struct sigaction catch = {.sa_sigaction = fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&write.sa_mask);
    sigemptyset(&catch.sa_mask);
    int failure = sem_init(&s_written, 0, 0) || sigaction(stack_signal(), &write, NULL);
    for (size_t i = 0; i < sizeof s_faults / sizeof s_faults[0] && !failure; i++) {
        failure = sigaction(s_faults[i], &catch, &s_crash[i]);
    }
    s_is_started = !failure;
    return failure ? error_set_errno(err, errno, "sigaction") : 0;
}

void stacks_serve(bool serves) {
    tl_tstate = serves ? PyThreadState_GetUnchecked() : NULL;
}

/** @return 0, or -1: the time is over */
static int await_written(unsigned timeout_ms) {
    const struct timespec deadline = clock_deadline(timeout_ms);
    while (sem_clockwait(&s_written, CLOCK_MONOTONIC, &deadline)) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/** Have a thread write its stack, and wait. */
static int ask(pid_t thread_id, unsigned timeout_ms, struct error *err) {
    atomic_store(&s_asked, thread_id);
    if (syscall(SYS_tgkill, getpid(), thread_id, stack_signal())) {
        atomic_store(&s_asked, 0);
        return errno == ESRCH ? error_set(err, ERR_NOT_FOUND, "the thread has ended")
                              : error_set_errno(err, errno, "tgkill");
    }
    if (await_written(timeout_ms) == 0) {
        return 0;
    }
    /* One that has begun is about to be done; one that has not will not begin any more. */
    if (atomic_exchange(&s_asked, 0) == 0 && await_written(timeout_ms) == 0) {
        return 0;
    }
    return error_set(err, ERR_TIMEOUT, "the thread takes no signal");
}

static void copy_text(char *text, size_t text_bytes) {
    size_t length = strnlen(s_text, text_bytes - 1);
    memcpy(text, s_text, length);
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    text[length] = '\0';
}

int stacks_of(pid_t thread_id, unsigned timeout_ms, char *text, size_t text_bytes,
              struct error *err) {
    int rc = -1;
    text[0] = '\0';
    if (!s_is_started) { /* the signal would end the process */
        return error_set(err, ERR_FAILED, "no thread knows how to write its stack");
    }
    pthread_mutex_lock(&s_lock);
    for (int tries = 0; tries < TRIES && rc != 0; tries++) {
        rc = ask(thread_id, timeout_ms, err);
        if (rc != 0) {
            break;
        }
        rc = s_is_whole ? 0 : error_set(err, ERR_FAILED, "its frames cannot be read now");
    }
    if (rc == 0) {
        copy_text(text, text_bytes);
    }
    pthread_mutex_unlock(&s_lock);
    return rc;
}
