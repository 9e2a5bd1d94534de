/* What connections that the intake thread owns wait for, and how they go on. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/intake/intake_internal.h"

static bool is_empty(const struct intake_connection *c) {
    return c->base.mode == MODE_RECEIVE && record_reader_is_idle(&c->base.reader);
}

static bool is_idle(const struct intake_connection *c) {
    return is_empty(c) && c->is_kept;
}

static bool is_stopping(const struct intake *intake) {
    return atomic_load_explicit(&intake->returns.is_stopping, memory_order_relaxed);
}

static void await_event(struct intake *intake, struct intake_connection *c) {
    static const enum intake_deadline by_mode[] = {[MODE_RECEIVE] = DEADLINE_HEADER,
                                                   [MODE_DRAIN] = DEADLINE_DRAIN,
                                                   [MODE_END] = DEADLINE_END,
                                                   [MODE_LINGER] = DEADLINE_LINGER};
    if (is_stopping(intake) && is_idle(c)) {
        intake_close(intake, c);
        return;
    }
    if (is_idle(c)) {
        deadline_stop(&c->deadline);
    } else {
        enum intake_deadline which = by_mode[c->base.mode];
        if (c->base.mode == MODE_RECEIVE && c->base.reader.phase == READER_STDIN) {
            which = DEADLINE_BODY;
        }
        deadline_start(&intake->connections.deadlines[which], &c->deadline);
    }
    intake_set_events(intake, c, connection_has_to_send(&c->base));
}

/* Receive once. @return false when it was closed */
static bool receive_bytes(struct intake *intake, struct intake_connection *c, size_t *turn_bytes) {
    uint8_t *buffer = intake->connections.receive_buffer;
    ssize_t n;
    do {
        n = recv(c->base.fd, buffer, INTAKE_RECEIVE_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        c->may_be_readable = false;
        return true;
    }
    if (n <= 0 || (c->base.mode != MODE_LINGER &&
                   record_reader_append(&c->base.reader, buffer, (size_t)n) < 0)) {
        intake_close(intake, c);
        return false;
    }
    if ((size_t)n < INTAKE_RECEIVE_BYTES && c->trusts_short) {
        c->may_be_readable = false;
    }
    *turn_bytes += (size_t)n;
    c->drained_bytes += (size_t)n;
    return true;
}

static void make_ready(struct intake *intake, struct intake_connection *c) {
    TAILQ_INSERT_TAIL(&intake->connections.ready, c, ready_link);
    c->is_ready = true;
}

void intake_advance(struct intake *intake, struct intake_connection *c) {
    size_t turn_bytes = 0;
    bool was_sent = true;
    for (;;) {
        if (is_stopping(intake) && intake_bequeath(intake, c)) {
            return;
        }
        enum intake_step step = intake_step(intake, c);
        if (step == INTAKE_STEP_GONE) {
            return;
        }
        if (connection_has_to_send(&c->base) && was_sent) {
            int result = connection_send(&c->base);
            if (result < 0) {
                intake_close(intake, c);
                return;
            }
            was_sent = result == 0;
        }
        if (step == INTAKE_STEP_AGAIN || (step == INTAKE_STEP_SEND && was_sent)) {
            continue;
        }
        if (step == INTAKE_STEP_SEND || !c->may_be_readable) {
            await_event(intake, c);
            return;
        }
        if (turn_bytes >= INTAKE_TURN_BYTES) {
            make_ready(intake, c);
            return;
        }
        if (!receive_bytes(intake, c, &turn_bytes)) {
            return;
        }
    }
}

void intake_advance_ready(struct intake *intake) {
    struct intake_connection *c;
    unsigned count = 0; /* a connection that becomes ready again waits for the next round */
    TAILQ_FOREACH(c, &intake->connections.ready, ready_link) {
        count++;
    }
    for (; count > 0 && (c = TAILQ_FIRST(&intake->connections.ready)); count--) {
        TAILQ_REMOVE(&intake->connections.ready, c, ready_link);
        c->is_ready = false;
        intake_advance(intake, c);
    }
}

/* The connection is a serving thread's: tell the request's watcher, if there is one. */
static void tell_watcher(struct intake *intake, struct intake_connection *c) {
    const struct intake_hooks *hooks = &intake->requests.hooks;
    struct request_hold *watcher = atomic_load(&c->base.watcher);
    if (watcher && !atomic_exchange(&watcher->has_peer_event, true) && hooks->client_event) {
        hooks->client_event(hooks->ctx);
    }
}

void intake_connection_event(struct intake *intake, struct intake_connection *c, uint32_t events) {
    bool is_hang_up = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (!connection_note_edge(&c->base, is_hang_up)) {
        tell_watcher(intake, c);
        return;
    }
    if (c->base.fd < 0 || c->is_leaving) {
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

void intake_connection_expired(struct intake *intake, struct intake_connection *c,
                               enum intake_deadline which) {
    if (which == DEADLINE_DRAIN) {
        /* The response was sent, and the peer goes on sending: end the request, then cut it off. */
        if (intake_end_drained(c) == INTAKE_STEP_AGAIN) {
            connection_send(&c->base);
            intake_linger(c);
            if (!c->is_ready) {
                intake_advance(intake, c);
            }
            return;
        }
    }
    intake_close(intake, c);
}

/* ---- From one owner to the other ---- */

/* An open connection that a serving thread gave back. */
static void take_back(struct intake *intake, struct intake_connection *c, int owner) {
    c->may_be_readable = !c->base.is_registered || owner != OWNER_SERVING;
    c->trusts_short = owner != OWNER_SERVING_HANG_UP;
    make_ready(intake, c);
}

void intake_collect(struct intake *intake) {
    struct connection *base, *next;
    for (base = returns_take(&intake->returns); base; base = next) {
        struct intake_connection *c = intake_connection_of(base);
        next = base->next_returned;
        int owner = atomic_exchange(&base->owner, OWNER_INTAKE);
        if (base->fd < 0) {
            SLIST_INSERT_HEAD(&intake->connections.closed, c, free_link);
        } else {
            take_back(intake, c, owner);
        }
    }
}

/* ---- Memory ---- */

static void free_connection(struct intake_connection *c) {
    connection_destroy(&c->base);
    free(c);
}

static struct intake_connection *take_connection(struct intake *intake) {
    struct intake_connections *connections = &intake->connections;
    struct intake_connection *c = SLIST_FIRST(&connections->free);
    if (c) {
        SLIST_REMOVE_HEAD(&connections->free, free_link);
        connections->free_count--;
        return c;
    }
    c = calloc(1, sizeof *c);
    if (c && connection_init(&c->base, &intake->returns, &connections->limits) < 0) {
        free_connection(c);
        c = NULL;
    }
    return c;
}

int intake_take_on(struct intake *intake, int fd, const struct passed_connection *passed) {
    struct intake_connection *c = take_connection(intake);
    if (!c) {
        close(fd);
        return -1;
    }
    connection_open(&c->base, fd);
    c->may_be_readable = c->trusts_short = true;
    c->waits_to_send = c->is_ready = c->is_leaving = c->has_request = false;
    c->is_kept = passed && passed->is_kept;
    c->drained_bytes = 0;
    LIST_INSERT_HEAD(&intake->connections.open, c, open_link);
    atomic_fetch_add_explicit(&intake->connections.open_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&intake->connections.accepted_count, 1, memory_order_relaxed);
    if (passed && passed->size > 0 &&
        record_reader_append(&c->base.reader, passed->bytes, passed->size) < 0) {
        intake_close(intake, c);
        return -1;
    }
    intake_advance(intake, c);
    return 0;
}

static void put_away(struct intake_connections *connections, struct intake_connection *c) {
    LIST_REMOVE(c, open_link);
    atomic_fetch_sub_explicit(&connections->open_count, 1, memory_order_relaxed);
    if (connections->free_count >= INTAKE_FREE_CONNECTIONS) {
        free_connection(c);
        return;
    }
    SLIST_INSERT_HEAD(&connections->free, c, free_link);
    connections->free_count++;
}

bool intake_reuse_closed(struct intake *intake) {
    struct intake_connections *connections = &intake->connections;
    struct intake_connection *c;
    bool were_any = !SLIST_EMPTY(&connections->closed);
    while ((c = SLIST_FIRST(&connections->closed))) {
        SLIST_REMOVE_HEAD(&connections->closed, free_link);
        put_away(connections, c);
    }
    return were_any;
}

void intake_free_connections(struct intake *intake) {
    struct intake_connections *connections = &intake->connections;
    struct intake_connection *c;
    while ((c = LIST_FIRST(&connections->open))) {
        LIST_REMOVE(c, open_link);
        free_connection(c);
    }
    while ((c = SLIST_FIRST(&connections->free))) {
        SLIST_REMOVE_HEAD(&connections->free, free_link);
        free_connection(c);
    }
}
