/* What of a response goes out, and when. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/wsgi/exchange_internal.h"
#include "fcgi_host/wsgi/live.h"
#include "fcgi_host/wsgi/withhold.h"

/* Parts of one write: head, block (with a script in it). */
enum { MAX_PARTS = 1 + LIVE_PARTS };

/* Web servers ignore the body of an authorizer that lets pass; a longer one is left out. */
enum { DEFERRED_BYTES = 64 << 10 };

/* Wait until the bytes that request_send() could not send at once are sent, and leave.  No thread
 * is within a call, so the lock is free; it is taken while still attached, because these bytes must
 * be sent before those of another thread. */
static int flush_output(struct exchange *exchange, struct request *request, struct error *err) {
    exchange->busy++;
    pthread_mutex_lock(&exchange->lock);
    PyThreadState *tstate = PyEval_SaveThread();
    int result = request_flush(request, err);
    exchange_leave(exchange);
    exchange_unlock_and_attach(exchange, tstate);
    return result;
}

/* The lock is held. @return 1: the bytes may be sent, and exchange_leave() follows; 0: they come
 * after the end and are left out; -1: `err` says why not */
static int enter_to_send(struct exchange *exchange, unsigned flags, struct error *err) {
    if (exchange->closed) {
        return exchange_set_finished(err);
    }
    if (exchange->has_last) {
        return 0;
    }
    if (!exchange_enter_open(exchange, err)) {
        return -1;
    }
    exchange->has_last = flags & SEND_LAST;
    return 1;
}

/* Another thread is within a call: wait for it.  Waiting threads get the lock in any order; bytes
 * that come after the end are left out, as after exchange_end(). */
static int send_after_it(struct exchange *exchange, struct request *request,
                         const struct iovec *parts, int count, unsigned flags, struct error *err) {
    PyThreadState *tstate = exchange_detach_and_lock(exchange);
    int result = enter_to_send(exchange, flags, err);
    if (result == 1) {
        result = request_send(request, parts, count, flags, err);
        result = result == 1 ? request_flush(request, err) : result;
        exchange_leave(exchange);
    }
    exchange_unlock_and_attach(exchange, tstate);
    return result;
}

/* Nearly every send need not wait, so it is made attached: giving up the GIL and getting it back
 * would cost more than the system call. */
static int transmit_parts(struct exchange *exchange, const struct iovec *parts, int count,
                          unsigned flags, struct error *err) {
    struct request *request = exchange->request;
    int result = -1;
    if (!request) {
        return exchange_set_finished(err);
    }
    if (exchange->busy > 0) {
        result = send_after_it(exchange, request, parts, count, flags, err);
    } else if (exchange_enter_open(exchange, err)) {
        exchange->has_last = flags & SEND_LAST;
        result = request_send(request, parts, count, flags, err);
        if (result == 1) {
            result = flush_output(exchange, request, err);
        } else {
            exchange_leave(exchange);
        }
    }
    return exchange_note_send_failure(exchange, result, err);
}

bool exchange_is_deferred(const struct exchange *exchange) {
    return exchange->request && exchange->is_authorizer && exchange->response.status == 200;
}

static bool has_body(const struct exchange *exchange) {
    return !exchange->is_head && response_status_has_body(exchange->response.status);
}

/* Send the head if it is still to be sent, a piece of the body, and the end if `flags` says so. */
static int send_parts(struct exchange *exchange, const void *block, size_t size, unsigned flags,
                      struct error *err) {
    struct iovec parts[MAX_PARTS];
    int count = 0;
    if (exchange->phase == EXCHANGE_HEAD) {
        if (exchange->state->has_refused &&
            withhold_response(exchange, exchange->response.status)) {
            return error_set(err, ERR_CLOSED, "another process answers the request");
        }
        if (live_end_head(exchange, err) < 0) {
            return -1;
        }
        parts[count++] = (struct iovec){exchange->response.head, exchange->response.size};
        exchange->phase = EXCHANGE_BODY;
    }
    count += live_place(exchange, block, size, flags & SEND_LAST, parts + count);
    if (count == 0 && !flags) {
        return 0;
    }
    if (flags & SEND_LAST) {
        exchange->phase = EXCHANGE_ENDED;
    }
    return transmit_parts(exchange, parts, count, flags, err);
}

/* Count a block. @return how much of it may be sent */
static size_t count_block(struct exchange *exchange, size_t size) {
    int64_t length = exchange->response.content_length;
    if (length >= 0 && size > (uint64_t)(length - exchange->sent)) {
        size_t allowed = (size_t)(length - exchange->sent);
        exchange->surplus += exchange->may_exceed ? 0 : (int64_t)(size - allowed);
        size = allowed;
    }
    exchange->sent += (int64_t)size;
    return size;
}

/* Everything that Content-Length promises was given. */
static bool is_complete(const struct exchange *exchange) {
    return exchange->response.content_length == exchange->sent;
}

static bool is_short(const struct exchange *exchange) {
    return has_body(exchange) && exchange->sent < exchange->response.content_length;
}

/* The application leaves the body to the web server.  The length is that of a file which the web
 * server knows better, and wrong where the web server is not told to act on the header. */
static bool leave_body_out(struct exchange *exchange) {
    bool leaves_out = exchange->response.names_file && exchange->sent == 0 &&
                      exchange->phase == EXCHANGE_HEAD && has_body(exchange);
    if (leaves_out) {
        exchange->response.content_length = -1;
    }
    return leaves_out;
}

/* Keep a block until the application is done. */
static int defer_block(struct exchange *exchange, const void *block, size_t size,
                       struct error *err) {
    if (size == 0 || exchange->deferred_bytes + size > DEFERRED_BYTES || !has_body(exchange)) {
        return 0;
    }
    char *all = realloc(exchange->deferred, exchange->deferred_bytes + size);
    if (!all) {
        return error_set(err, ERR_MEMORY, "out of memory for a response");
    }
    memcpy(all + exchange->deferred_bytes, block, size);
    exchange->deferred = all;
    exchange->deferred_bytes += size;
    return 0;
}

int exchange_send(struct exchange *exchange, const void *block, size_t size, bool is_last,
                  struct error *err) {
    if (!exchange->request) {
        return exchange_set_finished(err);
    }
    if (size == 0 && !is_last) {
        return 0; /* PEP 3333: empty strings don't make the head leave */
    }
    if (exchange_is_deferred(exchange)) {
        return defer_block(exchange, block, size, err);
    }
    size_t allowed = count_block(exchange, size);
    if (exchange->phase >= EXCHANGE_ENDED) {
        return 0;
    }
    if (!has_body(exchange)) {
        allowed = 0;
    }
    bool has_none = is_last && leave_body_out(exchange);
    if (is_last && !has_none && is_short(exchange)) {
        int result = send_parts(exchange, block, allowed, 0, err);
        exchange->phase = EXCHANGE_CUT;
        return result;
    }
    bool ends = is_last || is_complete(exchange);
    return send_parts(exchange, block, allowed, ends ? SEND_LAST : 0, err);
}

int exchange_end(struct exchange *exchange, struct error *err) {
    if (exchange->phase >= EXCHANGE_ENDED) {
        return 0;
    }
    if (exchange_is_deferred(exchange)) {
        exchange->response.content_length = (int64_t)exchange->deferred_bytes;
        return send_parts(exchange, exchange->deferred, exchange->deferred_bytes, SEND_LAST, err);
    }
    if (exchange->phase == EXCHANGE_HEAD && exchange->response.content_length < 0 &&
        has_body(exchange) && !exchange->response.names_file) {
        exchange->response.content_length = 0;
    }
    return exchange_send(exchange, NULL, 0, true, err);
}

/* Detached. The lock is held, and the exchange is entered. */
static int send_behind(struct request *request, const struct iovec *parts, int count,
                       unsigned flags, struct error *err) {
    int result = request_send(request, parts, count, flags, err);
    return result == 1 ? request_flush(request, err) : result;
}

int exchange_send_file(struct exchange *exchange, int fd, off_t offset, size_t size,
                       struct error *err) {
    if (exchange->response.content_length < 0) {
        exchange->response.content_length = (int64_t)size + exchange->sent;
    }
    if (exchange_is_deferred(exchange)) {
        return 0; /* no web server passes its body on */
    }
    size_t allowed = count_block(exchange, size);
    if (exchange->phase >= EXCHANGE_ENDED) {
        return 0;
    }
    if (!has_body(exchange) || allowed == 0) {
        return exchange_end(exchange, err);
    }
    if (send_parts(exchange, NULL, 0, 0, err) < 0) {
        return -1;
    }
    struct request *request = exchange->request;
    if (!request) {
        return exchange_set_finished(err);
    }
    bool cut = is_short(exchange);
    unsigned flags = cut ? 0 : SEND_LAST;
    struct iovec behind[LIVE_PARTS];
    int behind_count = live_place(exchange, NULL, 0, flags & SEND_LAST, behind);
    PyThreadState *tstate = exchange_detach_and_lock(exchange);
    int result = enter_to_send(exchange, flags, err);
    if (result == 1) {
        result = request_send_file(request, fd, offset, allowed, behind_count > 0 ? 0 : flags, err);
        if (result == 0 && behind_count > 0) {
            result = send_behind(request, behind, behind_count, flags, err);
        }
        exchange_leave(exchange);
    }
    exchange_unlock_and_attach(exchange, tstate);
    exchange->phase = cut ? EXCHANGE_CUT : EXCHANGE_ENDED;
    return exchange_note_send_failure(exchange, result, err);
}
