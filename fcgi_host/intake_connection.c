/* What connections that the intake thread owns wait for, and how they go on. */
#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/intake_internal.h"

/* How far a look at what is in the buffer has come. */
enum step {
    STEP_MORE,  /* bytes are needed */
    STEP_SEND,  /* nothing to do before all is sent */
    STEP_AGAIN, /* the mode has changed: look again */
    STEP_GONE,  /* handed over or closed: not to be touched */
};

static void close_now(struct intake *intake, struct connection *c) {
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

static void set_events(struct intake *intake, struct connection *c, bool to_send) {
    if (c->is_registered && c->waits_to_send == to_send) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET |
                                          (to_send ? (uint32_t)EPOLLOUT : 0u),
                                .data.ptr = c};
    int operation = c->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(intake->returns.epoll_fd, operation, c->fd, &event) < 0) {
        close_now(intake, c);
        return;
    }
    c->is_registered = true;
    c->waits_to_send = to_send;
}

/* ---- A request that is complete ---- */

static void make_id(struct intake *intake, char *ret) {
    char digits[24];
    size_t count = 0;
    for (uint64_t n = ++intake->request_counter; n > 0; n /= 10) {
        digits[count++] = (char)('0' + n % 10);
    }
    memcpy(ret, intake->id_prefix, intake->id_prefix_bytes);
    ret += intake->id_prefix_bytes;
    while (count > 0) {
        *ret++ = digits[--count];
    }
    *ret = '\0';
}

static void fill_request(struct intake *intake, struct connection *c) {
    struct request *request = &c->request;
    const struct input *input = &c->input;
    request->params = input->params;
    request->param_count = input->param_count;
    request->role = input->role;
    request->fcgi_id = input->id;
    request->keep_connection = input->keep_connection;
    request->content_length = input->content_length;
    request->accepted_ns = deadline_now_ns();
    request->application = NULL;
    request->script_name = request->path_info = (struct slice){NULL, 0};
    request->path_storage = NULL;
    make_id(intake, request->id);
}

static enum step hand_over(struct intake *intake, struct connection *c) {
    deadline_stop(c);
    bool body_follows = !input_body_is_complete(&c->input);
    if (body_follows && c->is_registered) {
        /* Each piece of the body would wake this thread for nothing. */
        epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = false;
    } else if (c->waits_to_send) {
        set_events(intake, c, false);
        if (c->fd < 0) {
            return STEP_GONE;
        }
    }
    size_t room = body_follows ? INTAKE_SERVING_ROOM_BYTES : INTAKE_ABORT_ROOM_BYTES;
    if (input_reserve(&c->input, room) < 0) {
        close_now(intake, c);
        return STEP_GONE;
    }
    fill_request(intake, c);
    c->is_kept = true;
    int owner = OWNER_SERVING;
    if (c->is_registered && c->may_be_readable) {
        /* An edge that was not followed up yet counts as one that comes while it is served. */
        owner = c->trusts_short ? OWNER_SERVING_EDGE : OWNER_SERVING_HANG_UP;
    }
    atomic_store_explicit(&c->owner, owner, memory_order_relaxed);
    atomic_fetch_add_explicit(&intake->returns.serving, 1, memory_order_relaxed);
    intake_call_hook(intake, &c->request);
    return STEP_GONE;
}

/* ---- One look at the buffer, by mode ---- */

static bool awaits_body_here(const struct input *input) {
    return input->phase == INPUT_STDIN && input->content_length <= INTAKE_BODY_BYTES &&
           !input_body_is_complete(input) && input->content_length > 0;
}

static enum step linger(struct connection *c) {
    shutdown(c->fd, SHUT_WR);
    c->mode = MODE_LINGER;
    return STEP_AGAIN;
}

/* FCGI_ABORT_REQUEST before anyone was called (§5.4). */
static enum step answer_abort(struct connection *c) {
    output_start(&c->output, FCGI_STDOUT, c->input.id, NULL, 0);
    output_add_end_request(&c->output, 0, FCGI_REQUEST_COMPLETE);
    c->has_ended = true;
    c->mode = MODE_END;
    return STEP_AGAIN;
}

/* The header is there and all of the body that is awaited here. */
static enum step receive_rest(struct intake *intake, struct connection *c) {
    switch (input_next(&c->input)) { /* often the end of FCGI_STDIN is here as well */
    case INPUT_ABORT:
        return answer_abort(c);
    case INPUT_ERROR:
        close_now(intake, c);
        return STEP_GONE;
    default:
        return hand_over(intake, c);
    }
}

static enum step receive_request(struct intake *intake, struct connection *c) {
    struct input *input = &c->input;
    for (;;) {
        switch (input_next(input)) {
        case INPUT_HEADER:
            if (!awaits_body_here(input)) {
                return receive_rest(intake, c);
            }
            break;
        case INPUT_BODY:
            input_keep(input);
            if (input_body_is_complete(input)) {
                return receive_rest(intake, c);
            }
            break;
        case INPUT_END:
            return hand_over(intake, c);
        case INPUT_ABORT:
            return answer_abort(c);
        case INPUT_REFUSED:
            c->mode = MODE_END;
            return STEP_AGAIN;
        case INPUT_ERROR:
            close_now(intake, c);
            return STEP_GONE;
        case INPUT_MORE:
            return STEP_MORE;
        }
    }
}

static enum step end_drained(struct connection *c) {
    if (output_is_pending(&c->output)) {
        return STEP_SEND;
    }
    connection_end_response(c);
    c->mode = MODE_END;
    return STEP_AGAIN;
}

static enum step drain(struct intake *intake, struct connection *c) {
    for (;;) {
        size_t size;
        switch (input_next(&c->input)) {
        case INPUT_BODY:
            input_body(&c->input, &size);
            input_drop(&c->input, size);
            break;
        case INPUT_END:
        case INPUT_ABORT:
            return end_drained(c);
        case INPUT_MORE:
            return c->drained_bytes > INTAKE_DRAIN_BYTES ? end_drained(c) : STEP_MORE;
        case INPUT_ERROR:
        case INPUT_HEADER:
        case INPUT_REFUSED:
            close_now(intake, c);
            return STEP_GONE;
        }
    }
}

static enum step end(struct intake *intake, struct connection *c) {
    if (connection_has_to_send(c)) {
        return STEP_SEND;
    }
    bool is_over = c->input.phase == INPUT_ENDED;
    if (is_over && c->input.keep_connection && !c->input.is_broken && !c->is_eof) {
        deadline_stop(c);
        connection_reset_request(c);
        return STEP_AGAIN;
    }
    if ((!is_over || c->input.is_aborted) && !c->is_eof) {
        return linger(c); /* what the peer may still be sending must not reset the connection */
    }
    close_now(intake, c);
    return STEP_GONE;
}

static enum step look(struct intake *intake, struct connection *c) {
    switch (c->mode) {
    case MODE_RECEIVE:
        return receive_request(intake, c);
    case MODE_DRAIN:
        return drain(intake, c);
    case MODE_END:
        return end(intake, c);
    case MODE_LINGER:
        c->input.raw_begin = c->input.raw_end;
        return STEP_MORE;
    }
    return STEP_GONE;
}

/* ---- Waiting ---- */

static bool is_idle(const struct connection *c) {
    return c->mode == MODE_RECEIVE && c->input.phase == INPUT_IDLE && c->is_kept &&
           c->input.raw_begin == c->input.raw_end && c->input.content_left == 0;
}

static void wait(struct intake *intake, struct connection *c) {
    static const enum intake_deadline by_mode[] = {[MODE_RECEIVE] = DEADLINE_HEADER,
                                                   [MODE_DRAIN] = DEADLINE_DRAIN,
                                                   [MODE_END] = DEADLINE_END,
                                                   [MODE_LINGER] = DEADLINE_LINGER};
    if (is_idle(c)) {
        deadline_stop(c);
        if (atomic_load_explicit(&intake->returns.is_stopping, memory_order_relaxed)) {
            close_now(intake, c);
            return;
        }
    } else {
        enum intake_deadline which = by_mode[c->mode];
        if (c->mode == MODE_RECEIVE && c->input.phase == INPUT_STDIN) {
            which = DEADLINE_BODY;
        }
        deadline_start(&intake->deadlines[which], c);
    }
    set_events(intake, c, connection_has_to_send(c));
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
                   input_append(&c->input, intake->receive_buffer, (size_t)n) < 0)) {
        close_now(intake, c);
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
        enum step step = look(intake, c);
        if (step == STEP_GONE) {
            return;
        }
        if (connection_has_to_send(c) && was_sent) {
            int result = connection_send(c);
            if (result < 0) {
                close_now(intake, c);
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
        if (end_drained(c) == STEP_AGAIN) {
            connection_send(c);
            linger(c);
            if (!c->is_ready) {
                intake_advance(intake, c);
            }
            return;
        }
    }
    close_now(intake, c);
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

void intake_collect(struct intake *intake) {
    bool was_closed = !SLIST_EMPTY(&intake->closed);
    struct connection *c;
    while ((c = SLIST_FIRST(&intake->closed))) {
        SLIST_REMOVE_HEAD(&intake->closed, free_link);
        recycle(intake, c);
    }
    /* Before taking the list: whoever adds to it from now on wakes again. */
    atomic_store(&intake->returns.is_wake_pending, false);
    struct connection *next;
    for (c = atomic_exchange(&intake->returns.first, NULL); c; c = next) {
        next = c->next_returned;
        int owner = atomic_exchange(&c->owner, OWNER_INTAKE);
        if (c->fd < 0) {
            was_closed = true;
            recycle(intake, c);
        } else {
            take_back(intake, c, owner);
        }
    }
    if (was_closed) {
        intake_resume_accepting(intake);
    }
}

void intake_close_idle(struct intake *intake) {
    struct connection *c, *next;
    for (c = LIST_FIRST(&intake->open); c; c = next) {
        next = LIST_NEXT(c, open_link);
        /* One that is being served comes back by way of `returns`, where it is looked at. */
        if (connection_note_edge(c, false) && c->fd >= 0 && is_idle(c)) {
            close_now(intake, c);
        }
    }
}
