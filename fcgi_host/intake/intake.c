#include "fcgi_host/intake/intake.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/intake/intake_internal.h"
#include "fcgi_host/link/balance.h"

static int watch_wakes(struct intake *intake, struct error *err) {
    struct returns *returns = &intake->returns;
    returns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (returns->epoll_fd < 0) {
        return error_set_errno(err, errno, "epoll");
    }
    returns->wake_fd = intake->balance ? balance_wake_fd(intake->balance, intake->balance_member)
                                       : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (returns->wake_fd < 0) {
        return error_set_errno(err, errno, "eventfd");
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &intake->wake_source};
    if (epoll_ctl(returns->epoll_fd, EPOLL_CTL_ADD, returns->wake_fd, &event) < 0) {
        return error_set_errno(err, errno, "epoll");
    }
    return 0;
}

/* For TCP; accepted connections inherit it.  A response is written in one piece and must not wait;
 * a kept-open connection whose peer has vanished must not stay for ever. */
static void set_tcp_options(int listen_fd) {
    int one = 1;
    setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(listen_fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void init(struct intake *intake, const struct intake_options *options,
                 const struct intake_hooks *hooks) {
    intake->hooks = *hooks;
    intake->limits = (struct reader_limits){
        .values = {options->max_connections, options->max_requests},
        .max_header_bytes = options->max_header_bytes,
    };
    intake->returns.epoll_fd = intake->returns.wake_fd = -1;
    intake->returns.thread = pthread_self();
    intake->wake_source.kind = SOURCE_WAKE;
    intake->listen_source.kind = SOURCE_LISTEN;
    intake->listen_fd = options->listen_fd;
    intake->balance = options->balance;
    intake->balance_member = options->balance_member;
    deference_init(&intake->returns.deference,
                   intake->balance ? balance_in_hand(intake->balance, intake->balance_member)
                                   : &intake->own_in_hand);
    intake->max_connections = options->max_connections;
    LIST_INIT(&intake->open);
    SLIST_INIT(&intake->closed);
    SLIST_INIT(&intake->free);
    TAILQ_INIT(&intake->ready);
    SLIST_INIT(&intake->watchers);
    deadline_list_init(&intake->deadlines[DEADLINE_HEADER], options->header_timeout_ms);
    deadline_list_init(&intake->deadlines[DEADLINE_BODY],
                       options->body_timeout_ms ? options->body_timeout_ms : INTAKE_BODY_MS);
    deadline_list_init(&intake->deadlines[DEADLINE_DRAIN],
                       options->drain_timeout_ms ? options->drain_timeout_ms : INTAKE_DRAIN_MS);
    deadline_list_init(&intake->deadlines[DEADLINE_END], INTAKE_END_MS);
    deadline_list_init(&intake->deadlines[DEADLINE_LINGER], INTAKE_LINGER_MS);
    intake->id_prefix_bytes =
        (size_t)snprintf(intake->id_prefix, sizeof intake->id_prefix, "%ld-", (long)getpid());
}

struct intake *intake_new(const struct intake_options *options, const struct intake_hooks *hooks,
                          struct error *err) {
    struct intake *intake = calloc(1, sizeof *intake);
    if (!intake) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    init(intake, options, hooks);
    if (peer_addresses_parse(options->web_server_addrs, &intake->peer_addresses, err) < 0 ||
        watch_wakes(intake, err) < 0 || intake_listen(intake, err) < 0) {
        intake_free(intake);
        return NULL;
    }
    if (intake->listen_fd >= 0) {
        set_tcp_options(intake->listen_fd);
    }
    return intake;
}

static void free_watchers(struct intake *intake, bool removed_only) {
    struct watcher *watcher, *next;
    for (watcher = SLIST_FIRST(&intake->watchers); watcher; watcher = next) {
        next = SLIST_NEXT(watcher, link);
        if (!removed_only || watcher->fd < 0) {
            SLIST_REMOVE(&intake->watchers, watcher, watcher, link);
            free(watcher);
        }
    }
    intake->has_removed_watchers = false;
}

void intake_free(struct intake *intake) {
    if (!intake) {
        return;
    }
    struct connection *c;
    while ((c = LIST_FIRST(&intake->open))) {
        LIST_REMOVE(c, open_link);
        connection_free(c);
    }
    while ((c = SLIST_FIRST(&intake->free))) {
        SLIST_REMOVE_HEAD(&intake->free, free_link);
        connection_free(c);
    }
    free_watchers(intake, false);
    intake_unlisten(intake);
    if (intake->returns.wake_fd >= 0 && !intake->balance) {
        close(intake->returns.wake_fd);
    }
    if (intake->returns.epoll_fd >= 0) {
        close(intake->returns.epoll_fd);
    }
    peer_addresses_free(intake->peer_addresses);
    free(intake);
}

int intake_add_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                  struct error *err) {
    struct watcher *watcher = malloc(sizeof *watcher);
    if (!watcher) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *watcher =
        (struct watcher){.source.kind = SOURCE_WATCHER, .fd = fd, .ready = ready, .ctx = ctx};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watcher};
    if (epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int why = errno;
        free(watcher);
        return error_set_errno(err, why, "epoll");
    }
    SLIST_INSERT_HEAD(&intake->watchers, watcher, link);
    return 0;
}

void intake_remove_fd(struct intake *intake, int fd) {
    struct watcher *watcher;
    SLIST_FOREACH(watcher, &intake->watchers, link) {
        if (watcher->fd == fd) {
            epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            watcher->fd = -1; /* an event of this round may still point to it */
            intake->has_removed_watchers = true;
            return;
        }
    }
}

void intake_call_hook(struct intake *intake, struct request *request) {
    if (!intake->is_in_batch) {
        intake->is_in_batch = true;
        if (intake->hooks.batch_begin) {
            intake->hooks.batch_begin(intake->hooks.ctx);
        }
    }
    atomic_fetch_add_explicit(&intake->handed_over_count, 1, memory_order_relaxed);
    intake->hooks.request(intake->hooks.ctx, request);
}

static void end_batch(struct intake *intake) {
    if (intake->is_in_batch) {
        intake->is_in_batch = false;
        if (intake->hooks.batch_end) {
            intake->hooks.batch_end(intake->hooks.ctx);
        }
    }
}

static void dispatch(struct intake *intake, const struct epoll_event *event) {
    struct source *source = event->data.ptr;
    switch (source->kind) {
    case SOURCE_LISTEN:
        intake_accept(intake);
        break;
    case SOURCE_WAKE:          /* what woke us is looked at in every round */
        if (intake->balance) { /* but of what another worker left, the kernel tells only that one */
            intake_accept(intake);
        }
        break;
    case SOURCE_CONNECTION:
        intake_connection_event(intake, (struct connection *)source, event->events);
        break;
    case SOURCE_WATCHER: {
        struct watcher *watcher = (struct watcher *)source;
        if (watcher->fd >= 0) {
            watcher->ready(watcher->ctx, watcher->fd);
        }
        break;
    }
    }
}

/* Milliseconds until the nearest deadline; -1: there is none. */
static int timeout_ms(const struct intake *intake) {
    if (!TAILQ_EMPTY(&intake->ready)) {
        return 0;
    }
    uint64_t nearest = intake->accept_retry_ns ? intake->accept_retry_ns : UINT64_MAX;
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        uint64_t deadline = deadline_nearest(&intake->deadlines[i]);
        nearest = deadline < nearest ? deadline : nearest;
    }
    if (nearest == UINT64_MAX) {
        return -1;
    }
    uint64_t now = deadline_now_ns();
    uint64_t wait_ms = nearest > now ? (nearest - now + 999999) / 1000000 : 0;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

static void expire(struct intake *intake) {
    uint64_t now = 0;
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        if (deadline_nearest(&intake->deadlines[i]) == UINT64_MAX) {
            continue;
        }
        now = now ? now : deadline_now_ns();
        struct connection *c;
        while ((c = deadline_take_expired(&intake->deadlines[i], now))) {
            intake_connection_expired(intake, c, (enum intake_deadline)i);
        }
    }
    if (intake->accept_retry_ns && deadline_now_ns() >= intake->accept_retry_ns) {
        intake_resume_accepting(intake);
    }
}

/* What does not come from epoll: connections handed back, those with more to read, deadlines. */
static void between_rounds(struct intake *intake) {
    if (intake->has_removed_watchers) {
        free_watchers(intake, true);
    }
    intake_collect(intake);
    struct connection *c;
    unsigned count = 0; /* those that want to go on again wait for the next round */
    TAILQ_FOREACH(c, &intake->ready, ready_link) {
        count++;
    }
    for (; count > 0 && (c = TAILQ_FIRST(&intake->ready)); count--) {
        TAILQ_REMOVE(&intake->ready, c, ready_link);
        c->is_ready = false;
        intake_advance(intake, c);
    }
    expire(intake);
    end_batch(intake);
    intake_reuse_closed(intake);
}

int intake_run(struct intake *intake, struct error *err) {
    struct epoll_event events[INTAKE_EVENTS];
    intake->returns.thread = pthread_self();
    deference_start(&intake->returns.deference);
    while (!atomic_load(&intake->is_told_to_leave)) {
        between_rounds(intake);
        if (atomic_load(&intake->returns.is_stopping) && atomic_load(&intake->open_count) == 0) {
            break;
        }
        intake_update_balance(intake);
        deference_update(&intake->returns.deference);
        int count = epoll_wait(intake->returns.epoll_fd, events, INTAKE_EVENTS, timeout_ms(intake));
        if (count < 0 && errno != EINTR) {
            return error_set_errno(err, errno, "epoll");
        }
        for (int i = 0; i < count; i++) {
            dispatch(intake, &events[i]);
        }
        end_batch(intake);
    }
    return 0;
}

void intake_stop_accepting(struct intake *intake) {
    intake_unlisten(intake);
    atomic_store(&intake->returns.is_stopping, true);
    atomic_store(&intake->returns.wakes_on_close, true);
    intake_let_go_idle(intake);
    returns_wake(&intake->returns);
}

void intake_stop(struct intake *intake) {
    atomic_store(&intake->is_told_to_leave, true);
    returns_wake(&intake->returns);
}

void intake_stats(struct intake *intake, struct intake_stats *ret_stats) {
    unsigned open = atomic_load(&intake->open_count);
    unsigned serving = atomic_load(intake->returns.deference.in_hand);
    ret_stats->connections_accepted = atomic_load(&intake->accepted_count);
    ret_stats->requests = atomic_load(&intake->handed_over_count);
    ret_stats->connections_open = open;
    ret_stats->connections_idle = open > serving ? open - serving : 0;
}
