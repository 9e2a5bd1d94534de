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
#include "pool/base/clock.h"

static int watch_wakes(struct intake *intake, struct error *err) {
    struct returns *returns = &intake->returns;
    returns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (returns->epoll_fd < 0) {
        return error_set_errno(err, errno, "epoll");
    }
    returns->wake_fd = intake->listening.balance ? balance_wake_fd(intake->listening.balance,
                                                                   intake->listening.balance_member)
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
 * keep-alive probes find kept-open connections whose peer has vanished. */
static void set_tcp_options(int listen_fd) {
    int one = 1;
    setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(listen_fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void init_listening(struct intake_listening *listening,
                           const struct intake_options *options) {
    listening->source.kind = SOURCE_LISTEN;
    listening->fd = options->listen_fd;
    listening->balance = options->balance;
    listening->balance_member = options->balance_member;
    listening->max_connections = options->max_connections;
    listening->is_held = options->is_paused;
}

static void init_connections(struct intake_connections *connections,
                             const struct intake_options *options) {
    connections->limits = (struct reader_limits){
        .values = {options->max_connections, options->max_requests},
        .max_header_bytes = options->max_header_bytes,
    };
    LIST_INIT(&connections->open);
    SLIST_INIT(&connections->closed);
    SLIST_INIT(&connections->free);
    TAILQ_INIT(&connections->ready);
    TAILQ_INIT(&connections->leaving);
    const unsigned timeouts_ms[DEADLINE_COUNT] = {
        [DEADLINE_HEADER] = options->header_timeout_ms,
        [DEADLINE_BODY] = options->body_timeout_ms ? options->body_timeout_ms : INTAKE_BODY_MS,
        [DEADLINE_DRAIN] = options->drain_timeout_ms ? options->drain_timeout_ms : INTAKE_DRAIN_MS,
        [DEADLINE_END] = INTAKE_END_MS,
        [DEADLINE_LINGER] = INTAKE_LINGER_MS,
    };
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        deadline_list_init(&connections->deadlines[i], timeouts_ms[i]);
    }
}

static void init_requests(struct intake_requests *requests, const struct intake_hooks *hooks) {
    requests->hooks = *hooks;
    requests->id_prefix_bytes =
        (size_t)snprintf(requests->id_prefix, sizeof requests->id_prefix, "%ld-", (long)getpid());
}

static void init_returns(struct intake *intake, atomic_uint *in_hand) {
    const struct intake_listening *listening = &intake->listening;
    intake->returns.epoll_fd = intake->returns.wake_fd = -1;
    intake->returns.thread = pthread_self();
    intake->wake_source.kind = SOURCE_WAKE;
    deference_init(&intake->returns.deference,
                   listening->balance
                       ? balance_in_hand(listening->balance, listening->balance_member)
                   : in_hand ? in_hand
                             : &intake->own_in_hand);
}

struct intake *intake_new(const struct intake_options *options, const struct intake_hooks *hooks,
                          struct error *err) {
    struct intake *intake = calloc(1, sizeof *intake);
    if (!intake) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    init_listening(&intake->listening, options);
    init_connections(&intake->connections, options);
    init_requests(&intake->requests, hooks);
    init_returns(intake, options->in_hand);
    SLIST_INIT(&intake->watchers.all);
    if (peer_addresses_parse(options->web_server_addrs, &intake->listening.peer_addresses, err) <
            0 ||
        watch_wakes(intake, err) < 0 || intake_listen(intake, err) < 0) {
        intake_free(intake);
        return NULL;
    }
    if (intake->listening.fd >= 0) {
        set_tcp_options(intake->listening.fd);
    }
    return intake;
}

void intake_free(struct intake *intake) {
    if (!intake) {
        return;
    }
    intake_free_connections(intake);
    intake_free_watchers(intake);
    intake_unlisten(intake);
    if (intake->returns.wake_fd >= 0 && !intake->listening.balance) {
        close(intake->returns.wake_fd);
    }
    if (intake->returns.epoll_fd >= 0) {
        close(intake->returns.epoll_fd);
    }
    peer_addresses_free(intake->listening.peer_addresses);
    free(intake);
}

static void on_event(struct intake *intake, const struct epoll_event *event) {
    struct source *source = event->data.ptr;
    switch (source->kind) {
    case SOURCE_LISTEN:
        intake_accept(intake);
        break;
    case SOURCE_WAKE: /* between_rounds() looks at what the wake was for */
        if (intake->listening.balance) {
            /* Another worker has left a connection to us, which the kernel reported only to it. */
            intake_accept(intake);
        }
        break;
    case SOURCE_CONNECTION:
        intake_connection_event(intake, intake_connection_of((struct connection *)source),
                                event->events);
        break;
    case SOURCE_WATCHER:
        intake_watcher_event(source);
        break;
    }
}

/* Milliseconds until the nearest deadline; -1: there is none. */
static int timeout_ms(const struct intake *intake) {
    if (!TAILQ_EMPTY(&intake->connections.ready)) {
        return 0;
    }
    uint64_t nearest = intake->listening.retry_ns ? intake->listening.retry_ns : UINT64_MAX;
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        uint64_t deadline = deadline_nearest(&intake->connections.deadlines[i]);
        nearest = deadline < nearest ? deadline : nearest;
    }
    if (nearest == UINT64_MAX) {
        return -1;
    }
    uint64_t now = clock_now_ns();
    uint64_t wait_ms = nearest > now ? (nearest - now + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

static struct intake_connection *of_deadline(struct deadline *deadline) {
    return (struct intake_connection *)((char *)deadline -
                                        offsetof(struct intake_connection, deadline));
}

static void expire_deadlines(struct intake *intake) {
    uint64_t now = 0;
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        if (deadline_nearest(&intake->connections.deadlines[i]) == UINT64_MAX) {
            continue;
        }
        now = now ? now : clock_now_ns();
        struct deadline *deadline;
        while ((deadline = deadline_take_expired(&intake->connections.deadlines[i], now))) {
            intake_connection_expired(intake, of_deadline(deadline), (enum intake_deadline)i);
        }
    }
    if (intake->listening.retry_ns && clock_now_ns() >= intake->listening.retry_ns) {
        intake_resume_accepting(intake);
    }
}

/* What epoll does not report: returned connections, those with more to read, deadlines. */
static void between_rounds(struct intake *intake) {
    intake_free_removed(intake);
    intake_collect(intake);
    intake_advance_ready(intake);
    expire_deadlines(intake);
    intake_end_batch(intake);
    if (intake_reuse_closed(intake)) {
        intake_resume_accepting(intake);
    }
}

/* Tell, once, that every connection that is left is being served. */
static void tell_dry(struct intake *intake) {
    void (*dry)(void *ctx) = intake->dry;
    if (dry && atomic_load(&intake->returns.is_stopping) &&
        atomic_load(&intake->connections.open_count) <=
            atomic_load(intake->returns.deference.in_hand)) {
        intake->dry = NULL;
        dry(intake->dry_ctx);
    }
}

int intake_run(struct intake *intake, struct error *err) {
    struct epoll_event events[INTAKE_EVENTS];
    intake->returns.thread = pthread_self();
    deference_start(&intake->returns.deference);
    while (!atomic_load(&intake->is_told_to_leave)) {
        between_rounds(intake);
        tell_dry(intake);
        if (atomic_load(&intake->returns.is_stopping) && !intake->is_held &&
            atomic_load(&intake->connections.open_count) == 0) {
            break;
        }
        intake_update_balance(intake);
        deference_update(&intake->returns.deference);
        int count = epoll_wait(intake->returns.epoll_fd, events, INTAKE_EVENTS, timeout_ms(intake));
        if (count < 0 && errno != EINTR) {
            return error_set_errno(err, errno, "epoll");
        }
        for (int i = 0; i < count; i++) {
            on_event(intake, &events[i]);
        }
        intake_end_batch(intake);
    }
    return 0;
}

void intake_stop_accepting(struct intake *intake) {
    intake_unlisten(intake);
    atomic_store(&intake->returns.is_stopping, true);
    atomic_store(&intake->returns.wakes_on_close, true);
    intake_let_go(intake);
    returns_wake(&intake->returns);
}

void intake_hold(struct intake *intake, void (*dry)(void *ctx), void *ctx) {
    intake->is_held = true;
    intake->dry = dry;
    intake->dry_ctx = ctx;
}

void intake_release(struct intake *intake) {
    intake->is_held = false;
    intake->dry = NULL;
}

void intake_stop(struct intake *intake) {
    atomic_store(&intake->is_told_to_leave, true);
    returns_wake(&intake->returns);
}

void intake_stats(struct intake *intake, struct intake_stats *ret_stats) {
    unsigned open = atomic_load(&intake->connections.open_count);
    unsigned serving = atomic_load(intake->returns.deference.in_hand);
    ret_stats->connections_accepted = atomic_load(&intake->connections.accepted_count);
    ret_stats->requests = atomic_load(&intake->requests.given_count);
    ret_stats->connections_open = open;
    ret_stats->connections_idle = open > serving ? open - serving : 0;
}
