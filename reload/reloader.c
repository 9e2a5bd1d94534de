#include "reload/reloader.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "reload/reloader_internal.h"

uint64_t reload_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void reloader_wake(struct reloader *reloader) {
    uint64_t one = 1;
    ssize_t written = write(reloader->wake_fd, &one, sizeof one);
    assert(written == sizeof one || errno == EAGAIN); /* EAGAIN: it is awake anyway */
}

/* ---- Events → dirty targets ---- */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool concerns_locked(const struct reload_target *target, const char *path) {
    /* A module that was not found may be this one, also of a load whose failure is not known yet.
     */
    bool may_be_missing = target->has_failed || !target->is_loaded || target->candidate;
    return file_set_has(target->serving, path) ||
           (target->candidate && file_set_has(target->candidate, path)) ||
           path_filter_watches(target->filter, path) ||
           (may_be_missing && ends_with(path, ".py") && !path_filter_ignores(target->filter, path));
}

void reloader_mark_dirty_locked(struct reload_target *target, const char *path) {
    uint64_t now = reload_now_ms();
    size_t size = strlen(path);
    const char *tail =
        size < sizeof target->dirty_path ? path : path + size - sizeof target->dirty_path + 1;
    if (!target->is_dirty) {
        target->is_dirty = true;
        target->first_event_ms = now;
        target->dirty_paths = 1;
        snprintf(target->dirty_path, sizeof target->dirty_path, "%s", tail);
    } else if (strcmp(target->dirty_path, tail) != 0) {
        target->dirty_paths = 2;
    }
    target->last_event_ms = now;
}

void reloader_on_event(void *ctx, const char *path, bool is_structure) {
    struct reloader *reloader = ctx;
    for (struct reload_target *target = reloader->targets; target; target = target->next) {
        if (!target->is_watched) {
            continue;
        }
        if (!path || is_structure) {
            reloader_watch_locked(target);
            reloader_mark_dirty_locked(target, path ? path : "");
            target->dirty_paths = 2; /* no single save */
        } else if (concerns_locked(target, path)) {
            reloader_mark_dirty_locked(target, path);
        }
    }
}

/* ---- Timing ---- */

/* git holds this lock while it writes a work tree: what is there now is a mix of two versions. */
static bool is_git_busy(const char *file) {
    static const char lock[] = "/.git/index.lock";
    char path[PATH_MAX + sizeof lock];
    snprintf(path, PATH_MAX, "%s", file);
    for (char *slash; (slash = strrchr(path, '/'));) {
        memcpy(slash, lock, sizeof lock);
        if (access(path, F_OK) == 0) {
            return true;
        }
        *slash = '\0';
    }
    return false;
}

uint64_t reload_due_ms_locked(const struct reload_target *target) {
    if (target->forced_cause) {
        return 0;
    }
    unsigned quiet = target->dirty_paths == 1 && target->debounce_ms > RELOAD_SINGLE_MS
                         ? RELOAD_SINGLE_MS
                         : target->debounce_ms;
    uint64_t due = target->last_event_ms + quiet;
    uint64_t latest = target->first_event_ms + RELOAD_DEBOUNCE_MAX_MS;
    return due < latest ? due : latest;
}

static void start_reload_locked(struct reload_target *target) {
    pthread_t thread;
    target->is_busy = true;
    if (pthread_create(&thread, NULL, reload_run, target) == 0) {
        pthread_detach(thread);
    } else { /* out of threads: stays dirty, the next event or request tries again */
        target->is_busy = false;
    }
}

/* Start what is due. @return when the next one is, UINT64_MAX: nothing waits */
static uint64_t start_due_locked(struct reloader *reloader) {
    uint64_t now = reload_now_ms(), next = UINT64_MAX;
    for (struct reload_target *target = reloader->targets; target; target = target->next) {
        if (!target->is_loaded || target->is_busy || target->is_removed ||
            !(target->is_dirty || target->forced_cause)) {
            continue;
        }
        uint64_t due = reload_due_ms_locked(target);
        if (due <= now && !target->forced_cause && target->file_count > 0 &&
            now < target->first_event_ms + RELOAD_DEBOUNCE_MAX_MS &&
            is_git_busy(target->files[0])) {
            target->dirty_paths = 2;
            target->last_event_ms = now;
            due = reload_due_ms_locked(target);
        }
        if (due <= now) {
            start_reload_locked(target);
        } else if (due < next) {
            next = due;
        }
    }
    return next;
}

static void arm_timer(struct reloader *reloader, uint64_t next_ms) {
    struct itimerspec when = {0};
    if (reloader->is_polling && next_ms == UINT64_MAX) {
        next_ms = reload_now_ms() + RELOAD_POLL_MS;
    }
    if (next_ms != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(next_ms / 1000);
        when.it_value.tv_nsec = (long)(next_ms % 1000) * 1000000 + 1;
    }
    timerfd_settime(reloader->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void drain_fd(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) > 0) {
    }
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
        for (struct reload_target *target = reloader->targets; target; target = target->next) {
            reloader_take_notes_locked(target);
            if (timer_fired && reloader->is_polling && target->is_watched && !target->is_dirty) {
                reloader_mark_dirty_locked(target, "");
            }
        }
        watch_read(reloader->watch, reloader_on_event, reloader);
        arm_timer(reloader, start_due_locked(reloader));
        bool is_limit_news = reloader->is_limit_news;
        reloader->is_limit_news = false;
        pthread_mutex_unlock(&reloader->lock);
        if (is_limit_news) {
            struct reload_event event = {.step = STEP_WATCH_LIMIT, .err = &reloader->limit};
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
    if (!reloader->watch) {
        return -1;
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
    pthread_mutex_init(&reloader->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&reloader->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (open_fds(reloader, err) != 0) {
        close_all(reloader);
        return NULL;
    }
    int failed = pthread_create(&reloader->thread, NULL, reloader_thread, reloader);
    if (failed) {
        error_set_errno(err, failed, "thread of the reloader");
        close_all(reloader);
        return NULL;
    }
    return reloader;
}

void reloader_remove(struct reloader *reloader, struct reload_target *target) {
    pthread_mutex_lock(&reloader->lock);
    target->is_removed = true;
    while (target->is_busy || target->draining) {
        pthread_cond_wait(&reloader->idle, &reloader->lock);
    }
    struct reload_target **at = &reloader->targets;
    while (*at != target) {
        at = &(*at)->next;
    }
    *at = target->next;
    pthread_mutex_unlock(&reloader->lock);
    reload_target_free(target);
}

void reloader_free(struct reloader *reloader) {
    if (!reloader) {
        return;
    }
    pthread_mutex_lock(&reloader->lock);
    reloader->is_stopping = true;
    pthread_mutex_unlock(&reloader->lock);
    reloader_wake(reloader);
    pthread_join(reloader->thread, NULL);
    while (reloader->targets) {
        reloader_remove(reloader, reloader->targets);
    }
    close_all(reloader);
}
