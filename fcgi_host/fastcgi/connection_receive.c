/* Receiving on a connection while a request is served. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fcgi_host/fastcgi/connection.h"

enum receive_result connection_receive(struct connection *c, void *direct, size_t direct_size,
                                       size_t *ret_direct, bool *ret_is_short) {
    struct iovec vectors[2];
    int count = 0;
    size_t expected = direct ? record_reader_direct_bytes(&c->reader) : 0;
    size_t direct_room = direct_size < expected ? direct_size : expected;
    if (direct_room > 0) {
        vectors[count++] = (struct iovec){.iov_base = direct, .iov_len = direct_room};
    }
    size_t room;
    uint8_t *raw = record_reader_room(&c->reader, &room);
    /* Raw bytes must not follow a gap, so `direct` must take all of the record's content first. */
    if (room > 0 && direct_room == expected) {
        vectors[count++] = (struct iovec){.iov_base = raw, .iov_len = room};
    } else {
        room = 0;
    }
    *ret_direct = 0;
    *ret_is_short = true;
    if (c->is_eof) {
        return RECEIVE_NOTHING_MORE;
    }
    if (count == 0) {
        return RECEIVE_NO_ROOM;
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    ssize_t received;
    do {
        received = recvmsg(c->fd, &message, MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return RECEIVE_NONE_YET;
    }
    if (received <= 0) {
        c->is_eof = true;
        c->is_gone = c->is_gone || received < 0;
        return RECEIVE_NOTHING_MORE;
    }
    size_t in_direct = (size_t)received < direct_room ? (size_t)received : direct_room;
    record_reader_took_direct(&c->reader, in_direct);
    record_reader_received(&c->reader, (size_t)received - in_direct);
    *ret_direct = in_direct;
    *ret_is_short = (size_t)received < direct_room + room;
    return RECEIVE_SOME;
}

/* Body bytes that the application is not reading. @return false when they cannot be kept */
static bool take_body(struct connection *c, enum take_in what, size_t *ret_size) {
    const uint8_t *bytes = record_reader_body(&c->reader, ret_size);
    if (what == TAKE_IN_KEEP && !c->body.is_lost) {
        if (*ret_size > body_spool_room(&c->body.spool)) {
            return false;
        }
        if (body_spool_write(&c->body.spool, bytes, *ret_size, NULL) < 0) {
            c->body.is_lost = true;
        }
    }
    record_reader_drop(&c->reader, *ret_size);
    return true;
}

bool connection_take_in(struct connection *c, enum take_in what, size_t limit) {
    bool is_empty = false;
    size_t taken = 0;
    for (;;) {
        enum reader_event event = record_reader_next(&c->reader);
        size_t size;
        bool is_short;
        switch (event) {
        case READER_BODY:
            if (!take_body(c, what, &size)) {
                return false;
            }
            taken += size;
            break;
        case READER_ABORT:
        case READER_ERROR:
            return false;
        case READER_END:
            if (what == TAKE_IN_DISCARD) {
                return false; /* there is nothing more to discard */
            }
            /* A request to abort may follow. */
            __attribute__((fallthrough));
        case READER_MORE:
            if (is_empty || taken >= limit) {
                return true;
            }
            switch (connection_receive(c, NULL, 0, &size, &is_short)) {
            case RECEIVE_SOME:
                is_empty = is_short;
                break;
            case RECEIVE_NONE_YET:
                return true;
            case RECEIVE_NO_ROOM:
            case RECEIVE_NOTHING_MORE:
                return false;
            }
            break;
        case READER_HEADER:
        case READER_REFUSED:
            assert(!"a request begins only in an idle connection");
            return false;
        }
    }
}
