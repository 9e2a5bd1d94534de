/* Reading FCGI_STDIN. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/fastcgi/request_internal.h"

enum body_status {
    BODY_BYTES, /* bytes were read, or the body is at its end */
    BODY_WAIT,
    BODY_ABORTED,
    BODY_GONE,
    BODY_BROKEN,
    BODY_ENDED_EARLY,
    BODY_LOST,
};

static enum body_status status_at_end(const struct connection *c) {
    const struct record_reader *reader = &c->reader;
    if (reader->is_aborted) {
        return BODY_ABORTED;
    }
    bool early = reader->params.content_length >= 0 &&
                 reader->body_received < (uint64_t)reader->params.content_length;
    return early ? BODY_ENDED_EARLY : BODY_BYTES;
}

/* As much of the body as has arrived, from buffer and socket. */
static enum body_status take_arrived(struct connection *c, uint8_t *buffer, size_t size,
                                     size_t *total) {
    bool is_empty = false;
    while (*total < size) {
        size_t available;
        const uint8_t *bytes;
        switch (record_reader_next(&c->reader)) {
        case READER_BODY:
            bytes = record_reader_body(&c->reader, &available);
            available = available < size - *total ? available : size - *total;
            memcpy(buffer + *total, bytes, available);
            record_reader_drop(&c->reader, available);
            *total += available;
            break;
        case READER_MORE:
            if (record_reader_body_is_complete(&c->reader)) {
                return BODY_BYTES;
            }
            if (is_empty) {
                return BODY_WAIT;
            }
            switch (connection_receive(c, buffer + *total, size - *total, &available, &is_empty)) {
            case RECEIVE_SOME:
                *total += available;
                break;
            case RECEIVE_NONE_YET:
                return BODY_WAIT;
            case RECEIVE_NO_ROOM:
            case RECEIVE_NOTHING_MORE:
                return BODY_GONE;
            }
            break;
        case READER_END:
            return status_at_end(c);
        case READER_ABORT:
            return BODY_ABORTED;
        case READER_ERROR:
        case READER_HEADER:
        case READER_REFUSED:
            return BODY_BROKEN;
        }
    }
    return BODY_BYTES;
}

static enum body_status take_bytes(struct connection *c, void *buffer, size_t size, size_t *total,
                                   struct error *err) {
    *total = 0;
    if (c->reader.is_aborted) {
        return BODY_ABORTED;
    }
    /* Kept in the buffer by the intake thread; then in the spool, while writing was blocked. */
    *total = record_reader_take_kept(&c->reader, buffer, size);
    if (*total == size) {
        return BODY_BYTES;
    }
    if (!body_spool_is_empty(&c->body.spool)) {
        ssize_t n = body_spool_read(&c->body.spool, (uint8_t *)buffer + *total, size - *total, err);
        *total += n > 0 ? (size_t)n : 0;
        return n < 0 ? BODY_LOST : BODY_BYTES;
    }
    if (c->body.is_lost) {
        error_set(err, ERR_SYSTEM, "the request body could not be kept");
        return BODY_LOST;
    }
    enum body_status status = take_arrived(c, buffer, size, total);
    return *total > 0 ? BODY_BYTES : status; /* an error is reported after the bytes before it */
}

static ssize_t report_status(const struct connection *c, enum body_status status, size_t total,
                             struct error *err) {
    switch (status) {
    case BODY_BYTES:
        return (ssize_t)total;
    case BODY_WAIT:
        return error_set(err, ERR_BUSY, "the request body has not arrived yet");
    case BODY_ABORTED:
        return error_set(err, ERR_CLOSED, "the web server aborted the request");
    case BODY_GONE:
        return error_set(err, ERR_CLOSED, "the web server closed the connection");
    case BODY_BROKEN:
        return error_set(err, ERR_PROTOCOL, "the web server sent what is not FastCGI");
    case BODY_ENDED_EARLY:
        return error_set(err, ERR_PROTOCOL, "the request body ended after %llu of %lld bytes",
                         (unsigned long long)c->reader.body_received,
                         (long long)c->reader.params.content_length);
    case BODY_LOST:
        break;
    }
    return -1;
}

ssize_t request_read_ready(struct request *request, void *buffer, size_t size, struct error *err) {
    struct connection *c = connection_of(request);
    size_t total;
    enum body_status status = size == 0 ? BODY_BYTES : take_bytes(c, buffer, size, &total, err);
    return size == 0 ? 0 : report_status(c, status, total, err);
}

ssize_t request_read(struct request *request, void *buffer, size_t size, struct error *err) {
    struct connection *c = connection_of(request);
    if (size == 0) {
        return 0;
    }
    for (;;) {
        size_t total;
        enum body_status status = take_bytes(c, buffer, size, &total, err);
        if (status != BODY_WAIT) {
            return report_status(c, status, total, err);
        }
        short events;
        int ready = request_poll(c, POLLIN, &events, err);
        if (ready == -2) {
            return -1;
        }
        if (ready == 0) {
            return error_set(err, ERR_TIMEOUT, "no byte of the request body for %d s",
                             REQUEST_STALL_MS / 1000);
        }
        if (ready < 0 && errno != EINTR) {
            return error_set_errno(err, errno, "waiting for the request body");
        }
    }
}
