#include "reload/reloader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "pool/base/thread.h"
#include "reload/reloader_internal.h"

/* ---- The thread ---- */

static void start_reload_locked(struct reload_target *target) {
    struct error err = {0};
    target->is_busy = true; /* also when it failed: until tell_of_failures_locked() has told */
    if (thread_start(reload_run, target, "reload", &err) == 0) {
        target->is_starved = false;
    }
    target->start_failure = err.sys_errno;
}

/* Out of threads. */
static void tell_of_failures_locked(struct reloader *reloader) {
    for (struct reload_target *target = reloader->targets; target;) {
        if (target->start_failure == 0) {
            target = target->next;
            continue;
        }
        pthread_mutex_unlock(&reloader->lock);
        reload_run_refuse(target);
        pthread_mutex_lock(&reloader->lock);
        target = reloader->targets; /* the list may be another now */
    }
}

/* Start what is due. @return when the next one is, UINT64_MAX: nothing waits */
static uint64_t start_due_locked(struct reloader *reloader) {
    uint64_t now_ns = clock_now_ns(), next_ns = UINT64_MAX;
    for (struct reload_target *target = reloader->targets; target; target = target->next) {
        uint64_t due_ns = reload_target_due_ns_locked(target, now_ns);
        if (due_ns <= now_ns) {
            start_reload_locked(target);
        } else if (due_ns < next_ns) {
            next_ns = due_ns;
        }
    }
    return next_ns;
}

static void arm_timer(struct reloader *reloader, uint64_t next_ns) {
    struct itimerspec when = {0};
    bool is_polling = reloader->is_polling && !atomic_load(&reloader->is_dismissed);
    if (is_polling && next_ns == UINT64_MAX) {
        next_ns = clock_now_ns() + (uint64_t)RELOAD_POLL_MS * CLOCK_NS_PER_MS;
    }
    if (next_ns != UINT64_MAX) { /* a time of 0 would disarm the timer */
        when.it_value = clock_timespec(next_ns + 1);
    }
    timerfd_settime(reloader->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void drain_fd(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) > 0) {
    }
}

/* Events of files wake the thread no more. */
static void stop_watching(struct reloader *reloader) {
    epoll_ctl(reloader->epoll_fd, EPOLL_CTL_DEL, watch_fd(reloader->watch), NULL);
}

static void *reloader_thread(void *arg) {
    struct reloader *reloader = arg;
    pthread_setname_np(pthread_self(), "reloader");
    for (;;) {
        struct epoll_event events[3];
        int count = epoll_wait(reloader->epoll_fd, events, 3, -1);
        bool timer_fired = false;
        for (int i = 0; i < count; i++) {
            timer_fired |= events[i].data.fd == reloader->timer_fd;
            if (events[i].data.fd != watch_fd(reloader->watch)) {
                drain_fd(events[i].data.fd);
            }
        }
        pthread_mutex_lock(&reloader->lock);
        if (reloader->is_stopping) {
            pthread_mutex_unlock(&reloader->lock);
            return NULL;
        }
        if (atomic_load(&reloader->is_dismissed)) {
            stop_watching(reloader);
        }
        for (struct reload_target *target = reloader->targets; target; target = target->next) {
            reload_target_take_notes_locked(target);
            if (timer_fired && reloader->is_polling && target->is_watched && !target->is_dirty) {
                reload_target_mark_dirty_locked(target, "");
            }
        }
        reload_targets_read_events_locked(reloader);
        arm_timer(reloader, start_due_locked(reloader));
        tell_of_failures_locked(reloader);
        bool is_limit_news = reloader->is_limit_news;
        reloader->is_limit_news = false;
        pthread_mutex_unlock(&reloader->lock);
        if (is_limit_news) {
            struct reload_event event = {.step = RELOAD_STEP_WATCH_LIMIT, .err = &reloader->limit};
            reloader->hooks.event(reloader->hooks.ctx, NULL, &event);
        }
    }
}

/* ---- Making and ending ---- */

static int open_fds(struct reloader *reloader, struct error *err) {
    reloader->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reloader->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reloader->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    reloader->watch = watch_new(err);
    reloader->folders = path_set_new();
    if (!reloader->watch || !reloader->folders) {
        return reloader->watch ? error_set(err, ERR_MEMORY, "out of memory") : -1;
    }
    int fds[] = {reloader->wake_fd, reloader->timer_fd, watch_fd(reloader->watch)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(reloader->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) != 0) {
            return error_set_errno(err, errno, "epoll for the reloader");
        }
    }
    return 0;
}

static void close_all(struct reloader *reloader) {
    watch_free(reloader->watch);
    path_set_free(reloader->folders);
    int fds[] = {reloader->epoll_fd, reloader->wake_fd, reloader->timer_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    pthread_mutex_destroy(&reloader->lock);
    pthread_cond_destroy(&reloader->idle);
    free(reloader);
}

struct reloader *reloader_new(const struct reloader_hooks *hooks, struct error *err) {
    struct reloader *reloader = calloc(1, sizeof *reloader);
    if (!reloader) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    reloader->hooks = *hooks;
    int failed = clock_lock_init(&reloader->lock, &reloader->idle);
    if (failed) {
        error_set_errno(err, failed, "the reloader's lock");
        free(reloader);
        return NULL;
    }
    if (open_fds(reloader, err) != 0) {
        close_all(reloader);
        return NULL;
    }
    failed = pthread_create(&reloader->thread, NULL, reloader_thread, reloader);
    if (failed) {
        error_set_errno(err, failed, "thread of the reloader");
        close_all(reloader);
        return NULL;
    }
    return reloader;
}

int reloader_add(struct reloader *reloader, const struct reload_target_options *options,
                 struct reload_target **ret_target, struct error *err) {
    struct reload_target *target = reload_target_new(reloader, options, err);
    if (!target) {
        return -1;
    }
    pthread_mutex_lock(&reloader->lock);
    target->next = reloader->targets;
    reloader->targets = target;
    reload_target_watch_locked(target);
    pthread_mutex_unlock(&reloader->lock);
    *ret_target = target;
    return 0;
}

void reloader_remove(struct reloader *reloader, struct reload_target *target) {
    pthread_mutex_lock(&reloader->lock);
    target->is_removed = true;
    while (target->is_busy || target->draining || target->telling) {
        pthread_cond_wait(&reloader->idle, &reloader->lock);
    }
    struct reload_target **at = &reloader->targets;
    while (*at != target) {
        at = &(*at)->next;
    }
    *at = target->next;
    pthread_mutex_unlock(&reloader->lock);
    struct error err;
    error_set(&err, ERR_CLOSED, "it is being removed");
    reload_run_tell_waiters(
        target->waiters,
        &(struct reload_event){.step = RELOAD_STEP_KEPT, .cause = "", .err = &err});
    reload_target_free(target);
}

void reloader_dismiss(struct reloader *reloader) {
    atomic_store(&reloader->is_dismissed, true);
    reload_targets_wake(reloader);
}

static void hold_edits(struct reloader *reloader, uint64_t *held_until_ns, unsigned ms) {
    pthread_mutex_lock(&reloader->lock);
    *held_until_ns = ms ? clock_now_ns() + ms * CLOCK_NS_PER_MS : 0;
    pthread_mutex_unlock(&reloader->lock);
    reload_targets_wake(reloader);
}

void reloader_hold_edits(struct reloader *reloader, unsigned ms) {
    hold_edits(reloader, &reloader->held_until_ns, ms);
}

void reload_target_hold_edits(struct reload_target *target, unsigned ms) {
    hold_edits(target->reloader, &target->held_until_ns, ms);
}

void reloader_free(struct reloader *reloader) {
    if (!reloader) {
        return;
    }
    pthread_mutex_lock(&reloader->lock);
    reloader->is_stopping = true;
    pthread_mutex_unlock(&reloader->lock);
    reload_targets_wake(reloader);
    pthread_join(reloader->thread, NULL);
    while (reloader->targets) {
        reloader_remove(reloader, reloader->targets);
    }
    close_all(reloader);
}
