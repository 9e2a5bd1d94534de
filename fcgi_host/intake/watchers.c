/* Descriptors of others that the intake thread waits for. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "fcgi_host/intake/intake_internal.h"

struct watcher {
    struct source source; /* first: epoll's data */
    int fd;               /* -1: removed, to be freed */
    void (*ready)(void *ctx, int fd);
    void *ctx;
    SLIST_ENTRY(watcher) link;
};

static int add_watcher(struct intake *intake, int fd, uint32_t events,
                       void (*ready)(void *ctx, int fd), void *ctx, struct error *err) {
    struct watcher *watcher = malloc(sizeof *watcher);
    if (!watcher) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *watcher =
        (struct watcher){.source.kind = SOURCE_WATCHER, .fd = fd, .ready = ready, .ctx = ctx};
    struct epoll_event event = {.events = events, .data.ptr = &watcher->source};
    if (epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int why = errno;
        free(watcher);
        return error_set_errno(err, why, "epoll");
    }
    SLIST_INSERT_HEAD(&intake->watchers.all, watcher, link);
    return 0;
}

int intake_add_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                  struct error *err) {
    return add_watcher(intake, fd, EPOLLIN, ready, ctx, err);
}

int intake_add_edge_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                       struct error *err) {
    return add_watcher(intake, fd, EPOLLIN | EPOLLET, ready, ctx, err);
}

int intake_add_shared_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                         struct error *err) {
    return add_watcher(intake, fd, EPOLLIN | EPOLLEXCLUSIVE, ready, ctx, err);
}

int intake_add_writable_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd),
                           void *ctx, struct error *err) {
    return add_watcher(intake, fd, EPOLLOUT, ready, ctx, err);
}

void intake_requeue_fd(struct intake *intake, int fd) {
    struct watcher *watcher;
    SLIST_FOREACH(watcher, &intake->watchers.all, link) {
        if (watcher->fd == fd) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                        .data.ptr = &watcher->source};
            epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_ADD, fd, &event);
            return;
        }
    }
}

void intake_remove_fd(struct intake *intake, int fd) {
    struct watcher *watcher;
    SLIST_FOREACH(watcher, &intake->watchers.all, link) {
        if (watcher->fd == fd) {
            epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            watcher->fd = -1; /* an event of this round may still point to it */
            intake->watchers.has_removed = true;
            return;
        }
    }
}

void intake_watcher_event(struct source *source) {
    struct watcher *watcher = (struct watcher *)source;
    if (watcher->fd >= 0) {
        watcher->ready(watcher->ctx, watcher->fd);
    }
}

static void free_watchers(struct intake_watchers *watchers, bool removed_only) {
    struct watcher *watcher, *next;
    for (watcher = SLIST_FIRST(&watchers->all); watcher; watcher = next) {
        next = SLIST_NEXT(watcher, link);
        if (!removed_only || watcher->fd < 0) {
            SLIST_REMOVE(&watchers->all, watcher, watcher, link);
            free(watcher);
        }
    }
    watchers->has_removed = false;
}

void intake_free_removed(struct intake *intake) {
    if (intake->watchers.has_removed) {
        free_watchers(&intake->watchers, true);
    }
}

void intake_free_watchers(struct intake *intake) {
    free_watchers(&intake->watchers, false);
}
