/* What is done with the bytes of a connection that the intake thread owns. */
#include <sys/socket.h>

#include "fcgi_host/intake/intake_internal.h"

static bool awaits_body_here(const struct record_reader *reader) {
    return reader->phase == READER_STDIN && reader->params.content_length <= INTAKE_BODY_BYTES &&
           !record_reader_body_is_complete(reader) && reader->params.content_length > 0;
}

enum intake_step intake_linger(struct intake_connection *c) {
    shutdown(c->base.fd, SHUT_WR);
    c->base.mode = MODE_LINGER;
    return INTAKE_STEP_AGAIN;
}

static enum intake_step answer_abort(struct intake_connection *c) {
    connection_end_aborted(&c->base);
    return INTAKE_STEP_AGAIN;
}

/* RFC 9110 §8.6: a Content-Length that is not a number. */
static enum intake_step answer_bad_request(struct intake_connection *c) {
    static const char response[] = "Status: 400 Bad Request\r\n"
                                   "Content-Type: text/plain\r\n\r\n"
                                   "Bad Request: Content-Length is not a number\n";
    connection_refuse_request(&c->base, response, sizeof response - 1);
    c->drained_bytes = 0;
    return INTAKE_STEP_AGAIN;
}

static enum intake_step close_connection(struct intake *intake, struct intake_connection *c) {
    intake_close(intake, c);
    return INTAKE_STEP_GONE;
}

static enum intake_step give_to_server(struct intake *intake, struct intake_connection *c) {
    intake_give_to_server(intake, c);
    return INTAKE_STEP_GONE;
}

/* The header and the part of the body that is awaited here are complete. */
static enum intake_step receive_rest(struct intake *intake, struct intake_connection *c) {
    switch (record_reader_next(&c->base.reader)) { /* often the end of FCGI_STDIN is here as well */
    case READER_ABORT:
        return answer_abort(c);
    case READER_ERROR:
        return close_connection(intake, c);
    default:
        return give_to_server(intake, c);
    }
}

static enum intake_step receive_request(struct intake *intake, struct intake_connection *c) {
    struct record_reader *reader = &c->base.reader;
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
            return give_to_server(intake, c);
        case READER_ABORT:
            return answer_abort(c);
        case READER_REFUSED:
            c->base.mode = MODE_END;
            return INTAKE_STEP_AGAIN;
        case READER_ERROR:
            return close_connection(intake, c);
        case READER_MORE:
            return INTAKE_STEP_MORE;
        }
    }
}

enum intake_step intake_end_drained(struct intake_connection *c) {
    if (record_writer_is_pending(&c->base.response.writer)) {
        return INTAKE_STEP_SEND;
    }
    connection_end_response(&c->base);
    c->base.mode = MODE_END;
    return INTAKE_STEP_AGAIN;
}

static enum intake_step drain_stdin(struct intake *intake, struct intake_connection *c) {
    for (;;) {
        size_t size;
        switch (record_reader_next(&c->base.reader)) {
        case READER_BODY:
            record_reader_body(&c->base.reader, &size);
            record_reader_drop(&c->base.reader, size);
            break;
        case READER_END:
        case READER_ABORT:
            return intake_end_drained(c);
        case READER_MORE:
            return c->drained_bytes > INTAKE_DRAIN_BYTES ? intake_end_drained(c) : INTAKE_STEP_MORE;
        case READER_ERROR:
        case READER_HEADER:
        case READER_REFUSED:
            return close_connection(intake, c);
        }
    }
}

static enum intake_step end_request(struct intake *intake, struct intake_connection *c) {
    if (connection_has_to_send(&c->base)) {
        return INTAKE_STEP_SEND;
    }
    bool is_over = c->base.reader.phase == READER_ENDED;
    if (is_over && c->base.reader.keep_connection && !c->base.reader.is_broken && !c->base.is_eof) {
        deadline_stop(&c->deadline);
        connection_reset_request(&c->base);
        return INTAKE_STEP_AGAIN;
    }
    if ((!is_over || c->base.reader.is_aborted) && !c->base.is_eof) {
        /* What the peer may still be sending must not reset the connection. */
        return intake_linger(c);
    }
    return close_connection(intake, c);
}

enum intake_step intake_step(struct intake *intake, struct intake_connection *c) {
    switch (c->base.mode) {
    case MODE_RECEIVE:
        return receive_request(intake, c);
    case MODE_DRAIN:
        return drain_stdin(intake, c);
    case MODE_END:
        return end_request(intake, c);
    case MODE_LINGER:
        record_reader_discard_raw(&c->base.reader);
        return INTAKE_STEP_MORE;
    }
    return INTAKE_STEP_GONE;
}
