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
    const struct record_reader *reader = &c->reader;
    request->params = reader->params.items;
    request->param_count = reader->params.count;
    request->role = reader->role;
    request->fcgi_id = reader->id;
    request->keep_connection = reader->keep_connection;
    request->content_length = reader->params.content_length;
    request->accepted_ns = deadline_now_ns();
    request->application = NULL;
    request->script_name = request->path_info = (struct slice){NULL, 0};
    request->path_storage = NULL;
    make_id(intake, request->id);
}

static enum intake_step hand_over(struct intake *intake, struct connection *c) {
    deadline_stop(c);
    bool body_follows = !record_reader_body_is_complete(&c->reader);
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
    if (record_reader_reserve(&c->reader, room) < 0) {
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

static bool awaits_body_here(const struct record_reader *reader) {
    return reader->phase == READER_STDIN && reader->params.content_length <= INTAKE_BODY_BYTES &&
           !record_reader_body_is_complete(reader) && reader->params.content_length > 0;
}

enum intake_step intake_linger(struct connection *c) {
    shutdown(c->fd, SHUT_WR);
    c->mode = MODE_LINGER;
    return STEP_AGAIN;
}

/* FCGI_ABORT_REQUEST before anyone was called (§5.4). */
static enum intake_step answer_abort(struct connection *c) {
    record_writer_start(&c->writer, FCGI_STDOUT, c->reader.id, NULL, 0);
    record_writer_add_end_request(&c->writer, 0, FCGI_REQUEST_COMPLETE);
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
    record_writer_start(&c->writer, FCGI_STDOUT, c->reader.id, &part, 1);
    connection_end_streams(c);
    c->mode = MODE_DRAIN;
    return STEP_AGAIN;
}

/* The header is there and all of the body that is awaited here. */
static enum intake_step receive_rest(struct intake *intake, struct connection *c) {
    switch (record_reader_next(&c->reader)) { /* often the end of FCGI_STDIN is here as well */
    case READER_ABORT:
        return answer_abort(c);
    case READER_ERROR:
        intake_close(intake, c);
        return STEP_GONE;
    default:
        return hand_over(intake, c);
    }
}

static enum intake_step receive_request(struct intake *intake, struct connection *c) {
    struct record_reader *reader = &c->reader;
    for (;;) {
        switch (record_reader_next(reader)) {
        case READER_HEADER:
            if (reader->params.has_bad_length) {
                return answer_bad_request(c);
            }
            if (!awaits_body_here(reader)) {
                return receive_rest(intake, c);
            }
            break;
        case READER_BODY:
            record_reader_keep(reader);
            if (record_reader_body_is_complete(reader)) {
                return receive_rest(intake, c);
            }
            break;
        case READER_END:
            return hand_over(intake, c);
        case READER_ABORT:
            return answer_abort(c);
        case READER_REFUSED:
            c->mode = MODE_END;
            return STEP_AGAIN;
        case READER_ERROR:
            intake_close(intake, c);
            return STEP_GONE;
        case READER_MORE:
            return STEP_MORE;
        }
    }
}

enum intake_step intake_end_drained(struct connection *c) {
    if (record_writer_is_pending(&c->writer)) {
        return STEP_SEND;
    }
    connection_end_response(c);
    c->mode = MODE_END;
    return STEP_AGAIN;
}

static enum intake_step drain(struct intake *intake, struct connection *c) {
    for (;;) {
        size_t size;
        switch (record_reader_next(&c->reader)) {
        case READER_BODY:
            record_reader_body(&c->reader, &size);
            record_reader_drop(&c->reader, size);
            break;
        case READER_END:
        case READER_ABORT:
            return intake_end_drained(c);
        case READER_MORE:
            return c->drained_bytes > INTAKE_DRAIN_BYTES ? intake_end_drained(c) : STEP_MORE;
        case READER_ERROR:
        case READER_HEADER:
        case READER_REFUSED:
            intake_close(intake, c);
            return STEP_GONE;
        }
    }
}

static enum intake_step end(struct intake *intake, struct connection *c) {
    if (connection_has_to_send(c)) {
        return STEP_SEND;
    }
    bool is_over = c->reader.phase == READER_ENDED;
    if (is_over && c->reader.keep_connection && !c->reader.is_broken && !c->is_eof) {
        deadline_stop(c);
        connection_reset_request(c);
        return STEP_AGAIN;
    }
    if ((!is_over || c->reader.is_aborted) && !c->is_eof) {
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
        record_reader_discard_raw(&c->reader);
        return STEP_MORE;
    }
    return STEP_GONE;
}
