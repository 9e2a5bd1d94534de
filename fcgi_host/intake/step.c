/* What is done with the bytes of a connection that the intake thread owns. */
#include <fastcgi.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "fcgi_host/intake/intake_internal.h"

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

static enum intake_step hand_over(struct intake *intake, struct connection *c) {
    deadline_stop(c);
    bool body_follows = !input_body_is_complete(&c->input);
    if (body_follows && c->is_registered) {
        /* Each piece of the body would wake this thread for nothing. */
        epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = false;
    } else if (c->waits_to_send) {
        intake_set_events(intake, c, false);
        if (c->fd < 0) {
            return STEP_GONE;
        }
    }
    size_t room = body_follows ? INTAKE_SERVING_ROOM_BYTES : INTAKE_ABORT_ROOM_BYTES;
    if (input_reserve(&c->input, room) < 0) {
        intake_close(intake, c);
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
    deference_begin(&intake->returns.deference);
    intake_call_hook(intake, &c->request);
    return STEP_GONE;
}

/* ---- One look at the buffer, by mode ---- */

static bool awaits_body_here(const struct input *input) {
    return input->phase == INPUT_STDIN && input->content_length <= INTAKE_BODY_BYTES &&
           !input_body_is_complete(input) && input->content_length > 0;
}

enum intake_step intake_linger(struct connection *c) {
    shutdown(c->fd, SHUT_WR);
    c->mode = MODE_LINGER;
    return STEP_AGAIN;
}

/* FCGI_ABORT_REQUEST before anyone was called (§5.4). */
static enum intake_step answer_abort(struct connection *c) {
    output_start(&c->output, FCGI_STDOUT, c->input.id, NULL, 0);
    output_add_end_request(&c->output, 0, FCGI_REQUEST_COMPLETE);
    c->has_ended = true;
    c->mode = MODE_END;
    return STEP_AGAIN;
}

/* RFC 9110 §8.6: a length that is none. */
static enum intake_step answer_bad_request(struct connection *c) {
    static const char response[] = "Status: 400 Bad Request\r\n"
                                   "Content-Type: text/plain\r\n\r\n"
                                   "Bad Request: Content-Length is not a number\n";
    const struct iovec part = {.iov_base = (void *)response, .iov_len = sizeof response - 1};
    output_start(&c->output, FCGI_STDOUT, c->input.id, &part, 1);
    connection_end_streams(c);
    c->mode = MODE_DRAIN;
    return STEP_AGAIN;
}

/* The header is there and all of the body that is awaited here. */
static enum intake_step receive_rest(struct intake *intake, struct connection *c) {
    switch (input_next(&c->input)) { /* often the end of FCGI_STDIN is here as well */
    case INPUT_ABORT:
        return answer_abort(c);
    case INPUT_ERROR:
        intake_close(intake, c);
        return STEP_GONE;
    default:
        return hand_over(intake, c);
    }
}

static enum intake_step receive_request(struct intake *intake, struct connection *c) {
    struct input *input = &c->input;
    for (;;) {
        switch (input_next(input)) {
        case INPUT_HEADER:
            if (input->has_bad_length) {
                return answer_bad_request(c);
            }
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
            intake_close(intake, c);
            return STEP_GONE;
        case INPUT_MORE:
            return STEP_MORE;
        }
    }
}

enum intake_step intake_end_drained(struct connection *c) {
    if (output_is_pending(&c->output)) {
        return STEP_SEND;
    }
    connection_end_response(c);
    c->mode = MODE_END;
    return STEP_AGAIN;
}

static enum intake_step drain(struct intake *intake, struct connection *c) {
    for (;;) {
        size_t size;
        switch (input_next(&c->input)) {
        case INPUT_BODY:
            input_body(&c->input, &size);
            input_drop(&c->input, size);
            break;
        case INPUT_END:
        case INPUT_ABORT:
            return intake_end_drained(c);
        case INPUT_MORE:
            return c->drained_bytes > INTAKE_DRAIN_BYTES ? intake_end_drained(c) : STEP_MORE;
        case INPUT_ERROR:
        case INPUT_HEADER:
        case INPUT_REFUSED:
            intake_close(intake, c);
            return STEP_GONE;
        }
    }
}

static enum intake_step end(struct intake *intake, struct connection *c) {
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
        return intake_linger(
            c); /* what the peer may still be sending must not reset the connection */
    }
    intake_close(intake, c);
    return STEP_GONE;
}

enum intake_step intake_step(struct intake *intake, struct connection *c) {
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
