/* Accepting connections. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/intake/intake_internal.h"
#include "fcgi_host/link/balance.h"

int intake_listen(struct intake *intake, struct error *err) {
    if (intake->listen_fd < 0 || intake->is_listening) {
        return 0;
    }
    /* Of several workers that wait for one socket, a connection wakes one. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                .data.ptr = &intake->listen_source};
    if (epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_ADD, intake->listen_fd, &event) < 0) {
        return error_set_errno(err, errno, "waiting for connections");
    }
    intake->is_listening = true;
    if (intake->balance) {
        balance_set_state(intake->balance, intake->balance_member, BALANCE_LISTENING);
    }
    return 0;
}

static void leave_epoll(struct intake *intake) {
    epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, intake->listen_fd, NULL);
    intake->is_listening = false;
}

void intake_unlisten(struct intake *intake) {
    if (intake->is_listening) {
        leave_epoll(intake);
    }
    atomic_store(&intake->returns.is_yielding, false);
    if (intake->balance) {
        balance_set_state(intake->balance, intake->balance_member, BALANCE_ABSENT);
    }
}

/* No more for now: until a connection is closed or, with `retry`, some time has passed. */
static void pause_accepting(struct intake *intake, bool retry) {
    intake_unlisten(intake);
    intake->is_accept_paused = true;
    intake->accept_retry_ns =
        retry ? deadline_now_ns() + INTAKE_ACCEPT_RETRY_MS * UINT64_C(1000000) : 0;
    atomic_store(&intake->returns.wakes_on_close, true);
}

static void listen_or_retry(struct intake *intake) {
    if (intake_listen(intake, NULL) < 0) {
        pause_accepting(intake, true);
    }
}

void intake_resume_accepting(struct intake *intake) {
    if (!intake->is_accept_paused || atomic_load(&intake->open_count) >= intake->max_connections) {
        return;
    }
    intake->is_accept_paused = false;
    intake->accept_retry_ns = 0;
    bool is_stopping = atomic_load(&intake->returns.is_stopping);
    atomic_store(&intake->returns.wakes_on_close, is_stopping);
    if (!is_stopping) {
        listen_or_retry(intake);
    }
}

static struct connection *take_connection(struct intake *intake) {
    struct connection *c = SLIST_FIRST(&intake->free);
    if (c) {
        SLIST_REMOVE_HEAD(&intake->free, free_link);
        intake->free_count--;
        return c;
    }
    return connection_new(&intake->returns, &intake->limits);
}

int intake_take_on(struct intake *intake, int fd, bool is_kept) {
    struct connection *c = take_connection(intake);
    if (!c) {
        close(fd);
        return -1;
    }
    connection_open(c, fd);
    c->is_kept = is_kept;
    LIST_INSERT_HEAD(&intake->open, c, open_link);
    atomic_fetch_add_explicit(&intake->open_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&intake->accepted_count, 1, memory_order_relaxed);
    intake_advance(intake, c);
    return 0;
}

/* @return whether there may be another one */
static bool accept_one(struct intake *intake) {
    struct sockaddr_storage address;
    socklen_t address_bytes = sizeof address;
    bool checks = intake->peer_addresses != NULL;
    int fd = accept4(intake->listen_fd, checks ? (struct sockaddr *)&address : NULL,
                     checks ? &address_bytes : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        switch (errno) {
        case EAGAIN:
#if EWOULDBLOCK != EAGAIN
        case EWOULDBLOCK:
#endif
            return false;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
            /* Waiting for a descriptor, or the socket is unusable: level-triggered, it would be
             * reported again and again. */
            pause_accepting(intake, true);
            return false;
        default: /* EINTR, ECONNABORTED, and network errors of the new connection: accept(2) */
            return true;
        }
    }
    if (checks && !peer_addresses_allow(intake->peer_addresses, (struct sockaddr *)&address)) {
        close(fd);
        return true;
    }
    if (intake_take_on(intake, fd, false) < 0) {
        pause_accepting(intake, true);
        return false;
    }
    return true;
}

/* The kernel wakes the first in the line of those that wait for the socket: go to its end.  Else
 * the same process would have nearly all connections, and its GIL all the work. */
static void let_others_accept(struct intake *intake) {
    leave_epoll(intake);
    listen_or_retry(intake);
}

static void stop_yielding(struct intake *intake) {
    atomic_store(&intake->returns.is_yielding, false);
    listen_or_retry(intake);
}

void intake_update_balance(struct intake *intake) {
    bool is_yielding = atomic_load_explicit(&intake->returns.is_yielding, memory_order_relaxed);
    if (!intake->balance || (!intake->is_listening && !is_yielding)) {
        return;
    }
    /* Before looking: a request that ends from here on makes us look again. */
    atomic_store(&intake->returns.is_yielding, true);
    if (!balance_yield(intake->balance, intake->balance_member)) {
        stop_yielding(intake);
    } else if (intake->is_listening) {
        leave_epoll(intake);
    }
    balance_wake_idlers(intake->balance, intake->balance_member);
}

void intake_accept(struct intake *intake) {
    int most = intake->balance ? 1 : INTAKE_ACCEPTS;
    for (int i = 0; i < most && intake->is_listening; i++) {
        if (atomic_load_explicit(&intake->open_count, memory_order_relaxed) >=
            intake->max_connections) {
            pause_accepting(intake, false);
            /* One may have been closed since the last round, by a thread that saw no reason to
             * wake us. */
            returns_wake(&intake->returns);
            return;
        }
        if (!accept_one(intake)) {
            return;
        }
    }
    if (intake->balance && intake->is_listening) {
        let_others_accept(intake);
    }
}

void intake_accept_waiting(struct intake *intake) {
    if (atomic_load(&intake->returns.is_yielding)) {
        stop_yielding(intake);
    }
    while (intake->is_listening &&
           atomic_load_explicit(&intake->open_count, memory_order_relaxed) <
               intake->max_connections &&
           accept_one(intake)) {
    }
}

void intake_adopt_idle(struct intake *intake, int fd) {
    intake_take_on(intake, fd, true);
}
