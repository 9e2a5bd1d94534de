/* The functions below are defined here, not inlined from the headers. */
#undef _FORTIFY_SOURCE

#include "pool/python/waits.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pool/python/callers.h"

/** A thread that has called one of the functions, in its thread-local storage. */
struct waiter {
    struct waiter *previous, *next;
    pthread_t thread;
    atomic_uint waits_for; /**< of enum in waits.h; 0 outside of a wait */
    atomic_bool is_ended;  /**< the wait is to end */
    bool is_listed;
    /* A lock's wait ends in two steps, see end_lock_wait(). */
    const sem_t *interrupted;
    bool is_tried;
};

static _Thread_local struct waiter tl_waiter;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static struct waiter *s_waiters;
static pthread_key_t s_thread_end;
static atomic_bool s_is_started;

/* ---- The list of threads ---- */

static void unlist(void *arg) {
    struct waiter *waiter = arg;
    pthread_mutex_lock(&s_lock);
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        s_waiters = waiter->next;
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
    pthread_mutex_unlock(&s_lock);
    waiter->is_listed = false;
}

static bool is_listed(struct waiter *waiter) {
    if (!waiter->is_listed && pthread_setspecific(s_thread_end, waiter) == 0) {
        waiter->thread = pthread_self();
        waiter->is_listed = true;
        pthread_mutex_lock(&s_lock);
        waiter->previous = NULL;
        waiter->next = s_waiters;
        if (s_waiters) {
            s_waiters->previous = waiter;
        }
        s_waiters = waiter;
        pthread_mutex_unlock(&s_lock);
    }
    return waiter->is_listed;
}

/* ---- A wait ---- */

/** @return the calling thread, or NULL when its wait is not to be ended */
static struct waiter *begin(unsigned waits_for, const void *caller) {
    if (!atomic_load_explicit(&s_is_started, memory_order_acquire) || caller_is_program(caller) ||
        !is_listed(&tl_waiter)) {
        return NULL;
    }
    atomic_store(&tl_waiter.is_ended, false);
    atomic_store(&tl_waiter.waits_for, waits_for);
    return &tl_waiter;
}

/** @param result  the function's: -1 and errno  @return whether the wait was ended */
static bool is_ended(struct waiter *waiter, long result) {
    if (!waiter) {
        return false;
    }
    atomic_store(&waiter->waits_for, 0);
    return result == -1 && errno == EINTR && atomic_load(&waiter->is_ended);
}

/** Of a function that returns 0 when its time is over.  CPython asks errno, not the result. */
static bool is_time_over(struct waiter *waiter, long result) {
    bool is_over = is_ended(waiter, result);
    if (is_over) {
        errno = 0;
    }
    return is_over;
}

/** What a function that waits for data returns. */
static long end_data_wait(struct waiter *waiter, long result) {
    if (is_ended(waiter, result)) {
        errno = ETIMEDOUT;
    }
    return result;
}

static void woken(int signal_number) {
    (void)signal_number; /* without SA_RESTART: the wait returns EINTR */
}

/** A signal that neither the C library nor applications use, see app/stacks.c. */
static int wake_signal(void) {
    return SIGRTMAX - 4;
}

void waits_end(unsigned long thread_ident, unsigned kinds) {
    pthread_mutex_lock(&s_lock);
    for (struct waiter *waiter = s_waiters; waiter; waiter = waiter->next) {
        if ((unsigned long)waiter->thread == thread_ident &&
            atomic_load(&waiter->waits_for) & kinds) {
            atomic_store(&waiter->is_ended, true);
            pthread_kill(waiter->thread, wake_signal());
        }
    }
    pthread_mutex_unlock(&s_lock);
}

/* ---- The C library's functions ---- */

static struct {
    int (*clock_nanosleep)(clockid_t, int, const struct timespec *, struct timespec *);
    int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    int (*epoll_wait)(int, struct epoll_event *, int, int);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    ssize_t (*recvmsg)(int, struct msghdr *, int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*send)(int, const void *, size_t, int);
    ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    int (*accept4)(int, struct sockaddr *, socklen_t *, int);
    pid_t (*waitpid)(pid_t, int *, int);
    pid_t (*wait)(int *);
    pid_t (*wait3)(int *, int, struct rusage *);
    pid_t (*wait4)(pid_t, int *, int, struct rusage *);
    int (*waitid)(idtype_t, id_t, siginfo_t *, int);
    int (*sem_wait)(sem_t *);
    int (*sem_trywait)(sem_t *);
    int (*sem_timedwait)(sem_t *, const struct timespec *);
    int (*sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
} s_libc;

static void find_functions(void) {
#define FIND(name) *(void **)&s_libc.name = dlsym(RTLD_NEXT, #name)
    FIND(clock_nanosleep);
    FIND(select);
    FIND(poll);
    FIND(ppoll);
    FIND(epoll_wait);
    FIND(recv);
    FIND(recvfrom);
    FIND(recvmsg);
    FIND(write);
    FIND(send);
    FIND(sendto);
    FIND(sendmsg);
    FIND(accept4);
    FIND(waitpid);
    FIND(wait);
    FIND(wait3);
    FIND(wait4);
    FIND(waitid);
    FIND(sem_wait);
    FIND(sem_trywait);
    FIND(sem_timedwait);
    FIND(sem_clockwait);
    FIND(read); /* the last: see LIBC */
#undef FIND
}

__attribute__((constructor)) static void find_functions_early(void) {
    find_functions();
}

/** The C library's function.  Constructors of other objects may call one before ours has run. */
#define LIBC(name) (s_libc.read ? (void)0 : find_functions(), s_libc.name)

#define CALLER __builtin_return_address(0)

#pragma GCC visibility push(default) /* the dynamic linker is to find them */

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                    struct timespec *remaining) {
    struct waiter *waiter = begin(WAITS_FOR_TIME_OR_DATA, CALLER);
    int error = LIBC(clock_nanosleep)(clock, flags, time, remaining);
    errno = error;
    return is_time_over(waiter, error ? -1 : 0) ? 0 : error;
}

/** Functions that say by 0 that their time is over. */
#define TIMED_WAIT(type, name, parameters, arguments)                                              \
    type name parameters {                                                                         \
        struct waiter *waiter = begin(WAITS_FOR_TIME_OR_DATA, CALLER);                             \
        type result = LIBC(name) arguments;                                                        \
        return is_time_over(waiter, result) ? 0 : result;                                          \
    }

/** Functions that return how much they have read or written. */
#define DATA_WAIT(type, name, parameters, arguments)                                               \
    type name parameters {                                                                         \
        struct waiter *waiter = begin(WAITS_FOR_TIME_OR_DATA, CALLER);                             \
        return (type)end_data_wait(waiter, LIBC(name) arguments);                                  \
    }

static void clear_set(fd_set *set, int count) {
    for (int fd = 0; set && fd < count; fd++) {
        FD_CLR(fd, set);
    }
}

int select(int count, fd_set *restrict readable, fd_set *restrict writable,
           fd_set *restrict exceptional, struct timeval *restrict timeout) {
    struct waiter *waiter = begin(WAITS_FOR_TIME_OR_DATA, CALLER);
    int ready = LIBC(select)(count, readable, writable, exceptional, timeout);
    if (!is_time_over(waiter, ready)) {
        return ready;
    }
    clear_set(readable, count);
    clear_set(writable, count);
    clear_set(exceptional, count);
    return 0;
}

TIMED_WAIT(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))
TIMED_WAIT(int, ppoll,
           (struct pollfd * fds, nfds_t count, const struct timespec *timeout,
            const sigset_t *mask),
           (fds, count, timeout, mask))
TIMED_WAIT(int, epoll_wait, (int epoll, struct epoll_event *events, int room, int timeout_ms),
           (epoll, events, room, timeout_ms))

/* No child has ended: as with WNOHANG. */
TIMED_WAIT(pid_t, wait, (int *status), (status))
TIMED_WAIT(pid_t, wait3, (int *status, int options, struct rusage *usage), (status, options, usage))
TIMED_WAIT(pid_t, wait4, (pid_t child, int *status, int options, struct rusage *usage),
           (child, status, options, usage))
TIMED_WAIT(pid_t, waitpid, (pid_t child, int *status, int options), (child, status, options))
TIMED_WAIT(int, waitid, (idtype_t kind, id_t id, siginfo_t *info, int options),
           (kind, id, info, options))

DATA_WAIT(ssize_t, read, (int fd, void *bytes, size_t room), (fd, bytes, room))
DATA_WAIT(ssize_t, recv, (int fd, void *bytes, size_t room, int flags), (fd, bytes, room, flags))
DATA_WAIT(ssize_t, recvfrom,
          (int fd, void *restrict bytes, size_t room, int flags, struct sockaddr *restrict address,
           socklen_t *restrict address_bytes),
          (fd, bytes, room, flags, address, address_bytes))
DATA_WAIT(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
DATA_WAIT(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
DATA_WAIT(ssize_t, send, (int fd, const void *bytes, size_t count, int flags),
          (fd, bytes, count, flags))
DATA_WAIT(ssize_t, sendto,
          (int fd, const void *bytes, size_t count, int flags, const struct sockaddr *address,
           socklen_t address_bytes),
          (fd, bytes, count, flags, address, address_bytes))
DATA_WAIT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
DATA_WAIT(int, accept4,
          (int fd, struct sockaddr *restrict address, socklen_t *restrict address_bytes, int flags),
          (fd, address, address_bytes, flags))

/* ---- Locks ---- */

/**
 * For a PyThread_type_lock: after EINTR a lock of Python code is first tried again
 * (PyThread_acquire_lock_timed() with 0), one of CPython's own is waited for at once.  So EINTR
 * comes first, and the time is over for a lock that was tried since.  For the parking lot:
 * callers.h.
 *
 * @return whether to end this wait before it begins
 */
static bool is_lock_wait_over(struct waiter *waiter, const sem_t *lock) {
    bool is_over = waiter && waiter->interrupted == lock && waiter->is_tried;
    if (waiter) {
        waiter->interrupted = NULL;
        waiter->is_tried = false;
    }
    if (is_over) {
        atomic_store(&waiter->waits_for, 0);
        errno = ETIMEDOUT;
    }
    return is_over;
}

static struct waiter *begin_lock_wait(const void *caller) {
    return caller_is_python(caller) ? begin(WAITS_FOR_LOCKS, caller) : NULL;
}

static int end_lock_wait(struct waiter *waiter, const sem_t *lock, int result) {
    if (is_ended(waiter, result)) {
        bool is_parked = callers_wait_for_python_lock();
        waiter->interrupted = is_parked ? NULL : lock;
        errno = is_parked ? ETIMEDOUT : EINTR;
    }
    return result;
}

int sem_wait(sem_t *lock) {
    struct waiter *waiter = begin_lock_wait(CALLER);
    return is_lock_wait_over(waiter, lock) ? -1 : end_lock_wait(waiter, lock, LIBC(sem_wait)(lock));
}

int sem_timedwait(sem_t *restrict lock, const struct timespec *restrict deadline) {
    struct waiter *waiter = begin_lock_wait(CALLER);
    return is_lock_wait_over(waiter, lock)
               ? -1
               : end_lock_wait(waiter, lock, LIBC(sem_timedwait)(lock, deadline));
}

int sem_clockwait(sem_t *restrict lock, clockid_t clock, const struct timespec *restrict deadline) {
    callers_see_wait();
    struct waiter *waiter = begin_lock_wait(CALLER);
    return is_lock_wait_over(waiter, lock)
               ? -1
               : end_lock_wait(waiter, lock, LIBC(sem_clockwait)(lock, clock, deadline));
}

int sem_trywait(sem_t *lock) {
    int result = LIBC(sem_trywait)(lock);
    if (tl_waiter.interrupted == lock) {
        tl_waiter.is_tried = result != 0;
    }
    return result;
}

#pragma GCC visibility pop

/* ---- Start ---- */

int waits_start(struct error *err) {
    struct sigaction action = {.sa_handler = woken};
    int code = pthread_key_create(&s_thread_end, unlist);
    if (code) {
        return error_set_errno(err, code, "pthread_key_create");
    }
    if (sigaction(wake_signal(), &action, NULL)) {
        return error_set_errno(err, errno, "sigaction");
    }
    callers_start();
    atomic_store_explicit(&s_is_started, true, memory_order_release);
    return 0;
}
