/* Reading FCGI_STDIN. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/fastcgi/request_internal.h"

enum body_status {
    BODY_BYTES, /* some, or the end of the body with none */
    BODY_WAIT,
    BODY_ABORTED,
    BODY_GONE,
    BODY_BROKEN,
    BODY_ENDED_EARLY,
    BODY_LOST,
};

/* Kept in the buffer by the intake thread; then in the spool, while writing was blocked. */
static size_t take_kept(struct connection *c, uint8_t *buffer, size_t size) {
    struct input *input = &c->input;
    size_t kept = input->body_end - input->body_begin;
    size_t take = kept < size ? kept : size;
    memcpy(buffer, input->bytes + input->body_begin, take);
    input->body_begin += take;
    if (input->body_begin == input->body_end) {
        input->body_begin = input->body_end = input->params_end;
    }
    return take;
}

static enum body_status at_end(const struct connection *c) {
    const struct input *input = &c->input;
    if (input->is_aborted) {
        return BODY_ABORTED;
    }
    bool early =
        input->content_length >= 0 && input->body_received < (uint64_t)input->content_length;
    return early ? BODY_ENDED_EARLY : BODY_BYTES;
}

/* As much as is here of the body, from buffer and socket. */
static enum body_status take_arrived(struct connection *c, uint8_t *buffer, size_t size,
                                     size_t *total) {
    bool is_empty = false;
    while (*total < size) {
        size_t available;
        const uint8_t *bytes;
        switch (input_next(&c->input)) {
        case INPUT_BODY:
            bytes = input_body(&c->input, &available);
            available = available < size - *total ? available : size - *total;
            memcpy(buffer + *total, bytes, available);
            input_drop(&c->input, available);
            *total += available;
            break;
        case INPUT_MORE:
            if (input_body_is_complete(&c->input)) {
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
        case INPUT_END:
            return at_end(c);
        case INPUT_ABORT:
            return BODY_ABORTED;
        case INPUT_ERROR:
        case INPUT_HEADER:
        case INPUT_REFUSED:
            return BODY_BROKEN;
        }
    }
    return BODY_BYTES;
}

static enum body_status take(struct connection *c, void *buffer, size_t size, size_t *total,
                             struct error *err) {
    *total = 0;
    if (c->input.is_aborted) {
        return BODY_ABORTED;
    }
    *total = take_kept(c, buffer, size);
    if (*total == size) {
        return BODY_BYTES;
    }
    if (!body_spool_is_empty(&c->spool)) {
        ssize_t n = body_spool_read(&c->spool, (uint8_t *)buffer + *total, size - *total, err);
        *total += n > 0 ? (size_t)n : 0;
        return n < 0 ? BODY_LOST : BODY_BYTES;
    }
    if (c->has_lost_body) {
        error_set(err, ERR_SYSTEM, "the request body could not be kept");
        return BODY_LOST;
    }
    enum body_status status = take_arrived(c, buffer, size, total);
    return *total > 0 ? BODY_BYTES : status; /* what is wrong is told after what is there */
}

static ssize_t report(const struct connection *c, enum body_status status, size_t total,
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
                         (unsigned long long)c->input.body_received,
                         (long long)c->input.content_length);
    case BODY_LOST:
        break;
    }
    return -1;
}

ssize_t request_read_ready(struct request *request, void *buffer, size_t size, struct error *err) {
    struct connection *c = connection_of(request);
    size_t total;
    enum body_status status = size == 0 ? BODY_BYTES : take(c, buffer, size, &total, err);
    return size == 0 ? 0 : report(c, status, total, err);
}

ssize_t request_read(struct request *request, void *buffer, size_t size, struct error *err) {
    struct connection *c = connection_of(request);
    if (size == 0) {
        return 0;
    }
    for (;;) {
        size_t total;
        enum body_status status = take(c, buffer, size, &total, err);
        if (status != BODY_WAIT) {
            return report(c, status, total, err);
        }
        struct pollfd wanted = {.fd = c->fd, .events = POLLIN};
        int ready = poll(&wanted, 1, REQUEST_STALL_MS);
        if (ready == 0) {
            return error_set(err, ERR_TIMEOUT, "no byte of the request body for %d s",
                             REQUEST_STALL_MS / 1000);
        }
        if (ready < 0 && errno != EINTR) {
            return error_set_errno(err, errno, "waiting for the request body");
        }
    }
}
