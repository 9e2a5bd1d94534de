/* Accepting connections. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/intake/intake_internal.h"
#include "fcgi_host/link/balance.h"
#include "pool/base/clock.h"

int intake_listen(struct intake *intake, struct error *err) {
    struct intake_listening *listening = &intake->listening;
    if (listening->fd < 0 || listening->is_registered || listening->is_held) {
        return 0;
    }
    /* A connection wakes only one of the workers that wait for the socket. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &listening->source};
    if (epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_ADD, listening->fd, &event) < 0) {
        return error_set_errno(err, errno, "waiting for connections");
    }
    listening->is_registered = true;
    if (listening->balance) {
        balance_set_state(listening->balance, listening->balance_member, BALANCE_LISTENING);
    }
    return 0;
}

static void unregister_socket(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, listening->fd, NULL);
    listening->is_registered = false;
}

void intake_unlisten(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    if (listening->is_registered) {
        unregister_socket(intake);
    }
    atomic_store(&intake->returns.is_yielding, false);
    if (listening->balance) {
        balance_set_state(listening->balance, listening->balance_member, BALANCE_ABSENT);
    }
}

/* Stop accepting until a connection is closed or, with `retry`, some time has passed. */
static void pause_accepting(struct intake *intake, bool retry) {
    struct intake_listening *listening = &intake->listening;
    intake_unlisten(intake);
    listening->is_paused = true;
    listening->retry_ns = retry ? clock_now_ns() + INTAKE_ACCEPT_RETRY_MS * CLOCK_NS_PER_MS : 0;
    atomic_store(&intake->returns.wakes_on_close, true);
}

static void listen_or_retry(struct intake *intake) {
    if (intake_listen(intake, NULL) < 0) {
        pause_accepting(intake, true);
    }
}

void intake_resume_accepting(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    if (!listening->is_paused ||
        atomic_load(&intake->connections.open_count) >= listening->max_connections) {
        return;
    }
    listening->is_paused = false;
    listening->retry_ns = 0;
    bool is_stopping = atomic_load(&intake->returns.is_stopping);
    atomic_store(&intake->returns.wakes_on_close, is_stopping);
    if (!is_stopping) {
        listen_or_retry(intake);
    }
}

/* @return whether there may be another one */
static bool accept_one(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    struct sockaddr_storage address;
    socklen_t address_bytes = sizeof address;
    bool checks = listening->peer_addresses != NULL;
    int fd = accept4(listening->fd, checks ? (struct sockaddr *)&address : NULL,
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
            /* Out of descriptors, or the socket is unusable: epoll, level-triggered, would report
             * it again and again. */
            pause_accepting(intake, true);
            return false;
        default: /* EINTR, ECONNABORTED, and network errors of the new connection: accept(2) */
            return true;
        }
    }
    if (checks && !peer_addresses_allow(listening->peer_addresses, (struct sockaddr *)&address)) {
        close(fd);
        return true;
    }
    if (intake_take_on(intake, fd, NULL) < 0) {
        pause_accepting(intake, true);
        return false;
    }
    return true;
}

/* The kernel wakes the worker that has waited longest: go to the end of that line.  Otherwise one
 * worker would get nearly all connections, and its GIL all the work. */
static void let_others_accept(struct intake *intake) {
    unregister_socket(intake);
    listen_or_retry(intake);
}

static void stop_yielding(struct intake *intake) {
    atomic_store(&intake->returns.is_yielding, false);
    listen_or_retry(intake);
}

void intake_update_balance(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    bool is_yielding = atomic_load_explicit(&intake->returns.is_yielding, memory_order_relaxed);
    if (!listening->balance || (!listening->is_registered && !is_yielding)) {
        return;
    }
    /* Before looking: a request that ends from here on makes us look again. */
    atomic_store(&intake->returns.is_yielding, true);
    if (!balance_yield(listening->balance, listening->balance_member)) {
        stop_yielding(intake);
    } else if (listening->is_registered) {
        unregister_socket(intake);
    }
    balance_wake_idlers(listening->balance, listening->balance_member);
}

void intake_accept(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    int most = listening->balance ? 1 : INTAKE_ACCEPTS;
    for (int i = 0; i < most && listening->is_registered; i++) {
        if (atomic_load_explicit(&intake->connections.open_count, memory_order_relaxed) >=
            listening->max_connections) {
            pause_accepting(intake, false);
            /* A thread may have closed a connection since the last round without seeing a reason to
             * wake us. */
            returns_wake(&intake->returns);
            return;
        }
        if (!accept_one(intake)) {
            return;
        }
    }
    if (listening->balance && listening->is_registered) {
        let_others_accept(intake);
    }
}

void intake_pause_accepting(struct intake *intake, bool is_paused) {
    struct intake_listening *listening = &intake->listening;
    listening->is_held = is_paused;
    if (is_paused) {
        intake_unlisten(intake);
    } else if (!listening->is_paused && !atomic_load(&intake->returns.is_stopping)) {
        listen_or_retry(intake);
    }
}

void intake_accept_waiting(struct intake *intake) {
    struct intake_listening *listening = &intake->listening;
    if (listening->is_held) {
        intake_pause_accepting(intake, false);
    }
    if (atomic_load(&intake->returns.is_yielding)) {
        stop_yielding(intake);
    }
    while (listening->is_registered &&
           atomic_load_explicit(&intake->connections.open_count, memory_order_relaxed) <
               listening->max_connections &&
           accept_one(intake)) {
    }
}
