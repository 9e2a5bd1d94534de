#include "fcgi_host/link/lifeline.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool/base/thread.h"

/** One page that is private, with the list that the kernel follows, so that no worker can break it;
 *  the next one is shared, with the futex. */
struct lifeline {
    struct robust_list_head head;
    struct robust_list entry;
};

struct shared_page {
    _Atomic uint32_t futex;
};

static size_t page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static struct shared_page *shared_page_of(struct lifeline *lifeline) {
    return (struct shared_page *)((char *)lifeline + page_bytes());
}

/** Two pages beside each other. @return NULL with errno */
static struct lifeline *map_pages(void) {
    size_t page = page_bytes();
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }
    if (mmap(pages + page, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) == MAP_FAILED) {
        int why = errno;
        munmap(pages, 2 * page);
        errno = why;
        return NULL;
    }
    return (struct lifeline *)pages;
}

/** Until the process ends: see start_last_thread(). */
static void *outlast(void *arg) {
    const struct sched_param lowest = {0};
    sem_post(arg);
    sched_setscheduler(0, SCHED_IDLE, &lowest); /* if it fails, the end is as quick as before */
    for (;;) {
        pause();
    }
    return NULL;
}

/**
 * A process that is killed ends with its last thread: then its parent is told.  This one needs a
 * processor for it that nobody else wants, so the workers, which are woken by the end of the first
 * thread, come before.
 */
static int start_last_thread(struct error *err) {
    sem_t runs;
    sem_init(&runs, 0, 0);
    int result = thread_start_deaf(outlast, &runs, "last", err);
    /* Not while it starts: what it locks then would be locked for ever in a child of fork(). */
    while (result == 0 && sem_wait(&runs) != 0) {
    }
    sem_destroy(&runs);
    return result;
}

struct lifeline *lifeline_new(struct error *err) {
    struct lifeline *lifeline = map_pages();
    if (!lifeline) {
        error_set_errno(err, errno, "mmap");
        return NULL;
    }
    lifeline->entry.next = &lifeline->head.list;
    lifeline->head = (struct robust_list_head){
        .list.next = &lifeline->entry,
        .futex_offset = (char *)&shared_page_of(lifeline)->futex - (char *)&lifeline->entry,
    };
    /* FUTEX_WAITERS: without it the kernel would wake nobody. */
    atomic_store(&shared_page_of(lifeline)->futex, (uint32_t)gettid() | FUTEX_WAITERS);
    /* In place of the C library's list: this process has no robust mutexes. */
    if (syscall(SYS_set_robust_list, &lifeline->head, sizeof lifeline->head)) {
        error_set_errno(err, errno, "set_robust_list");
    } else if (start_last_thread(err) == 0) {
        return lifeline;
    }
    munmap(lifeline, 2 * page_bytes());
    return NULL;
}

struct watch {
    struct lifeline *lifeline;
    void (*ended)(void);
};

static void *await_end(void *arg) {
    struct watch watch = *(struct watch *)arg;
    _Atomic uint32_t *futex = &shared_page_of(watch.lifeline)->futex;
    uint32_t value;
    free(arg);
    while (!((value = atomic_load(futex)) & FUTEX_OWNER_DIED)) {
        syscall(SYS_futex, futex, FUTEX_WAIT, value, NULL, NULL, 0);
    }
    /* The kernel wakes one. */
    syscall(SYS_futex, futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    watch.ended();
    return NULL;
}

int lifeline_watch(struct lifeline *lifeline, void (*ended)(void), struct error *err) {
    struct watch *watch = malloc(sizeof *watch);
    if (!watch) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *watch = (struct watch){lifeline, ended};
    if (thread_start(await_end, watch, "lifeline", err)) {
        free(watch);
        return -1;
    }
    return 0;
}
