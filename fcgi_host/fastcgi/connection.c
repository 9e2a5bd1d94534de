#include "fcgi_host/fastcgi/connection.h"

#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/hold.h"

int connection_init(struct connection *c, struct returns *returns,
                    const struct reader_limits *limits) {
    c->source.kind = SOURCE_CONNECTION;
    c->returns = returns;
    c->fd = -1;
    c->request.connection = c;
    body_spool_init(&c->body.spool);
    return record_reader_init(&c->reader, limits);
}

void connection_destroy(struct connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
    }
    record_reader_destroy(&c->reader);
    body_spool_clear(&c->body.spool);
    free(c->response.owned_content);
}

static void reset_response(struct connection_response *response) {
    free(response->owned_content);
    response->owned_content = NULL;
    record_writer_reset(&response->writer);
    response->has_sent = response->has_sent_stderr = false;
    response->has_ended_stream = response->has_ended = false;
    response->app_status = 0;
    response->protocol_status = 0;
}

void connection_reset_request(struct connection *c) {
    record_reader_reset(&c->reader);
    if (c->body.spool.end > 0) {
        body_spool_clear(&c->body.spool);
    }
    reset_response(&c->response);
    c->body.is_lost = false;
    c->is_taken_over = false;
    c->mode = MODE_RECEIVE;
}

void connection_open(struct connection *c, int fd) {
    record_reader_restart(&c->reader);
    connection_reset_request(c);
    c->fd = fd;
    atomic_store_explicit(&c->owner, OWNER_INTAKE, memory_order_relaxed);
    c->is_registered = c->is_eof = c->is_gone = false;
}

bool connection_has_to_send(const struct connection *c) {
    return c->reader.reply_bytes > 0 || record_writer_is_pending(&c->response.writer);
}

/* Account for `sent` bytes: the replies first if this write began with them, then the response. */
static void note_sent(struct connection *c, size_t sent, bool replies_first) {
    size_t replies = c->reader.reply_bytes;
    size_t of_replies = !replies_first ? 0 : sent < replies ? sent : replies;
    memmove(c->reader.replies, c->reader.replies + of_replies, replies - of_replies);
    c->reader.reply_bytes -= of_replies;
    record_writer_sent(&c->response.writer, sent - of_replies);
}

int connection_send(struct connection *c) {
    if (c->is_gone) {
        return -1;
    }
    while (connection_has_to_send(c)) {
        struct writer_vectors vectors;
        vectors.count = 0;
        bool replies =
            c->reader.reply_bytes > 0 && record_writer_is_between_records(&c->response.writer);
        if (replies) {
            vectors.items[vectors.count++] =
                (struct iovec){.iov_base = c->reader.replies, .iov_len = c->reader.reply_bytes};
        }
        record_writer_fill(&c->response.writer, &vectors);
        size_t size = 0;
        for (int i = 0; i < vectors.count; i++) {
            size += vectors.items[i].iov_len;
        }
        struct msghdr message = {.msg_iov = vectors.items, .msg_iovlen = (size_t)vectors.count};
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 1;
        }
        if (sent < 0) {
            c->is_gone = true;
            return -1;
        }
        note_sent(c, (size_t)sent, replies);
        if ((size_t)sent < size) {
            return 1; /* a stream socket takes less only when it is full */
        }
    }
    return 0;
}

void connection_end_streams(struct connection *c) {
    record_writer_add_end_of_stream(&c->response.writer, FCGI_STDOUT);
    if (c->response.has_sent_stderr) {
        record_writer_add_end_of_stream(&c->response.writer, FCGI_STDERR);
    }
    c->response.has_ended_stream = true;
}

void connection_end_response(struct connection *c) {
    record_writer_start(&c->response.writer, FCGI_STDOUT, c->reader.id, NULL, 0);
    if (!c->response.has_ended_stream && c->response.protocol_status == FCGI_REQUEST_COMPLETE) {
        connection_end_streams(c);
    }
    record_writer_add_end_request(&c->response.writer, c->response.app_status,
                                  c->response.protocol_status);
    c->response.has_ended = true;
}

void connection_end_aborted(struct connection *c) {
    record_writer_start(&c->response.writer, FCGI_STDOUT, c->reader.id, NULL, 0);
    record_writer_add_end_request(&c->response.writer, 0, FCGI_REQUEST_COMPLETE);
    c->response.has_ended = true;
    c->mode = MODE_END;
}

void connection_refuse_request(struct connection *c, const char *response, size_t size) {
    const struct iovec part = {.iov_base = (void *)response, .iov_len = size};
    record_writer_start(&c->response.writer, FCGI_STDOUT, c->reader.id, &part, 1);
    connection_end_streams(c);
    c->mode = MODE_DRAIN;
}

bool connection_note_edge(struct connection *c, bool is_hang_up) {
    int owner = atomic_load(&c->owner);
    while (owner != OWNER_INTAKE) {
        int noted = is_hang_up ? OWNER_SERVING_HANG_UP : OWNER_SERVING_EDGE;
        if (owner >= noted || atomic_compare_exchange_weak(&c->owner, &owner, noted)) {
            return false;
        }
    }
    return true;
}

static void note_request_end(struct returns *returns) {
    deference_end(&returns->deference);
    if (atomic_load(&returns->is_yielding)) {
        returns_wake(returns); /* the intake thread looks whether it may stop yielding */
    }
}

void connection_close_fd(struct connection *c) {
    if (c->is_taken_over) {
        shutdown(c->fd, SHUT_RDWR);
    }
    close(c->fd);
    c->fd = -1;
}

bool connection_watch(struct connection *c, struct request_hold *watcher) {
    /* Sequentially consistent, like connection_note_edge(): either the intake thread finds the
     * watcher, or this thread sees that an edge has been noted. */
    atomic_store(&c->watcher, watcher);
    if (!c->is_registered) {
        /* While the body comes, each piece of it would be an event: who reads it sees an abort. */
        bool body_follows = !record_reader_body_is_complete(&c->reader);
        struct epoll_event event = {
            .events = EPOLLRDHUP | EPOLLET | (body_follows ? 0u : (uint32_t)EPOLLIN),
            .data.ptr = c,
        };
        c->is_registered = c->is_registered_to_watch =
            epoll_ctl(c->returns->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) == 0;
        return false;
    }
    bool has_event = atomic_load(&c->owner) != OWNER_SERVING;
    return has_event && !atomic_exchange(&watcher->has_peer_event, true);
}

void connection_unwatch(struct connection *c) {
    if (atomic_load_explicit(&c->watcher, memory_order_relaxed)) {
        atomic_store_explicit(&c->watcher, NULL, memory_order_relaxed);
    }
    if (c->is_registered_to_watch) {
        epoll_ctl(c->returns->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = c->is_registered_to_watch = false;
    }
}

void connection_close(struct connection *c) {
    struct returns *returns = c->returns;
    connection_unwatch(c);
    if (c->is_registered) {
        /* close() alone does not unregister while a forked child holds a copy. */
        epoll_ctl(returns->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
        c->is_registered = false;
    }
    connection_close_fd(c);
    if (c->body.spool.end > 0) {
        body_spool_clear(&c->body.spool);
    }
    note_request_end(returns);
    returns_put(returns, c);
    if (atomic_load(&returns->wakes_on_close)) {
        returns_wake(returns);
    }
}

void connection_give_back(struct connection *c, bool attend) {
    struct returns *returns = c->returns;
    connection_unwatch(c);
    attend = attend || c->is_eof || record_reader_has_raw(&c->reader) ||
             connection_has_to_send(c) || atomic_load(&returns->is_stopping);
    if (!attend && !c->is_registered) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};
        if (epoll_ctl(returns->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0) {
            connection_close(c);
            return;
        }
        c->is_registered = true;
    }
    note_request_end(returns);
    int expected = OWNER_SERVING;
    if (!attend && atomic_compare_exchange_strong(&c->owner, &expected, OWNER_INTAKE)) {
        return;
    }
    returns_put(returns, c);
    returns_wake(returns);
}
