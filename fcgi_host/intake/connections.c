/* What connections that the intake thread owns wait for, and how they go on. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/intake/intake_internal.h"

void intake_close(struct intake *intake, struct connection *c) {
    deadline_stop(c);
    if (c->is_ready) {
        TAILQ_REMOVE(&intake->ready, c, ready_link);
        c->is_ready = false;
    }
    if (c->is_registered) {
        epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = false;
    }
    close(c->fd);
    c->fd = -1;
    SLIST_INSERT_HEAD(&intake->closed, c, free_link);
}

void intake_set_events(struct intake *intake, struct connection *c, bool to_send) {
    if (c->is_registered && c->waits_to_send == to_send) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET |
                                          (to_send ? (uint32_t)EPOLLOUT : 0u),
                                .data.ptr = c};
    int operation = c->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(intake->returns.epoll_fd, operation, c->fd, &event) < 0) {
        intake_close(intake, c);
        return;
    }
    c->is_registered = true;
    c->waits_to_send = to_send;
}

static bool is_empty(const struct connection *c) {
    return c->mode == MODE_RECEIVE && record_reader_is_idle(&c->reader);
}

static bool is_idle(const struct connection *c) {
    return is_empty(c) && c->is_kept;
}

/* Nothing was received on it that has not been answered: it can go on anywhere. */
static bool hand_over(struct intake *intake, struct connection *c) {
    if (!intake->hooks.hand_over) {
        return false;
    }
    if (c->is_registered) { /* closing it is not enough when somebody else has it open */
        epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = false;
    }
    return intake->hooks.hand_over(intake->hooks.ctx, c->fd);
}

static void wait(struct intake *intake, struct connection *c) {
    static const enum intake_deadline by_mode[] = {[MODE_RECEIVE] = DEADLINE_HEADER,
                                                   [MODE_DRAIN] = DEADLINE_DRAIN,
                                                   [MODE_END] = DEADLINE_END,
                                                   [MODE_LINGER] = DEADLINE_LINGER};
    bool is_stopping = atomic_load_explicit(&intake->returns.is_stopping, memory_order_relaxed);
    if (is_stopping && is_empty(c) && (hand_over(intake, c) || is_idle(c))) {
        intake_close(intake, c);
        return;
    }
    if (is_idle(c)) {
        deadline_stop(c);
    } else {
        enum intake_deadline which = by_mode[c->mode];
        if (c->mode == MODE_RECEIVE && c->reader.phase == READER_STDIN) {
            which = DEADLINE_BODY;
        }
        deadline_start(&intake->deadlines[which], c);
    }
    intake_set_events(intake, c, connection_has_to_send(c));
}

/* Receive once. @return false when it was closed, or nothing is there */
static bool receive(struct intake *intake, struct connection *c, size_t *turn_bytes) {
    ssize_t n;
    do {
        n = recv(c->fd, intake->receive_buffer, sizeof intake->receive_buffer, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        c->may_be_readable = false;
        return true;
    }
    if (n <= 0 || (c->mode != MODE_LINGER &&
                   record_reader_append(&c->reader, intake->receive_buffer, (size_t)n) < 0)) {
        intake_close(intake, c);
        return false;
    }
    if ((size_t)n < sizeof intake->receive_buffer && c->trusts_short) {
        c->may_be_readable = false;
    }
    *turn_bytes += (size_t)n;
    c->drained_bytes += (size_t)n;
    return true;
}

void intake_advance(struct intake *intake, struct connection *c) {
    size_t turn_bytes = 0;
    bool was_sent = true;
    for (;;) {
        enum intake_step step = intake_step(intake, c);
        if (step == STEP_GONE) {
            return;
        }
        if (connection_has_to_send(c) && was_sent) {
            int result = connection_send(c);
            if (result < 0) {
                intake_close(intake, c);
                return;
            }
            was_sent = result == 0;
        }
        if (step == STEP_AGAIN || (step == STEP_SEND && was_sent)) {
            continue;
        }
        if (step == STEP_SEND || !c->may_be_readable) {
            wait(intake, c);
            return;
        }
        if (turn_bytes >= INTAKE_TURN_BYTES) {
            TAILQ_INSERT_TAIL(&intake->ready, c, ready_link);
            c->is_ready = true;
            return;
        }
        if (!receive(intake, c, &turn_bytes)) {
            return;
        }
    }
}

void intake_connection_event(struct intake *intake, struct connection *c, uint32_t events) {
    bool is_hang_up = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (!connection_note_edge(c, is_hang_up) || c->fd < 0) {
        return;
    }
    if (events & ~(uint32_t)EPOLLOUT) {
        c->may_be_readable = true;
        c->trusts_short = !is_hang_up;
    }
    if (!c->is_ready) {
        intake_advance(intake, c);
    }
}

void intake_connection_expired(struct intake *intake, struct connection *c,
                               enum intake_deadline which) {
    if (which == DEADLINE_DRAIN) {
        /* The response was sent; the peer sends on for ever.  It is told the end, and cut. */
        if (intake_end_drained(c) == STEP_AGAIN) {
            connection_send(c);
            intake_linger(c);
            if (!c->is_ready) {
                intake_advance(intake, c);
            }
            return;
        }
    }
    intake_close(intake, c);
}

static void recycle(struct intake *intake, struct connection *c) {
    LIST_REMOVE(c, open_link);
    atomic_fetch_sub_explicit(&intake->open_count, 1, memory_order_relaxed);
    if (intake->free_count >= INTAKE_FREE_CONNECTIONS) {
        connection_free(c);
        return;
    }
    SLIST_INSERT_HEAD(&intake->free, c, free_link);
    intake->free_count++;
}

/* One that a serving thread gave back, not closed. */
static void take_back(struct intake *intake, struct connection *c, int owner) {
    c->may_be_readable = !c->is_registered || owner != OWNER_SERVING;
    c->trusts_short = owner != OWNER_SERVING_HANG_UP;
    TAILQ_INSERT_TAIL(&intake->ready, c, ready_link);
    c->is_ready = true;
}

void intake_reuse_closed(struct intake *intake) {
    if (SLIST_EMPTY(&intake->closed)) {
        return;
    }
    struct connection *c;
    while ((c = SLIST_FIRST(&intake->closed))) {
        SLIST_REMOVE_HEAD(&intake->closed, free_link);
        recycle(intake, c);
    }
    intake_resume_accepting(intake);
}

void intake_collect(struct intake *intake) {
    /* Before taking the list: whoever adds to it from now on wakes again. */
    atomic_store(&intake->returns.is_wake_pending, false);
    struct connection *c, *next;
    for (c = atomic_exchange(&intake->returns.first, NULL); c; c = next) {
        next = c->next_returned;
        int owner = atomic_exchange(&c->owner, OWNER_INTAKE);
        if (c->fd < 0) {
            SLIST_INSERT_HEAD(&intake->closed, c, free_link);
        } else {
            take_back(intake, c, owner);
        }
    }
}

void intake_let_go_idle(struct intake *intake) {
    struct connection *c, *next;
    for (c = LIST_FIRST(&intake->open); c; c = next) {
        next = LIST_NEXT(c, open_link);
        /* One that is being served comes back by way of `returns`, where it is looked at. */
        if (connection_note_edge(c, false) && c->fd >= 0 && is_empty(c) && !c->is_ready) {
            c->may_be_readable = true; /* a request may have arrived: it is served first */
            intake_advance(intake, c);
        }
    }
}
