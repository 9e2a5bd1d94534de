/* Sending FCGI_STDOUT and FCGI_STDERR. */
#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/fastcgi/request_internal.h"

_Static_assert((int)REQUEST_SEND_PARTS == (int)WRITER_PARTS, "one request_send() is one output");

static int report_closed(const struct connection *c, struct error *err) {
    return error_set(err, ERR_CLOSED,
                     c->reader.is_aborted ? "the web server aborted the request"
                                          : "the web server closed the connection");
}

static bool is_closed(const struct connection *c) {
    return c->is_gone || c->reader.is_aborted;
}

void request_look(struct connection *c) {
    if (c->body.spool.end < SPOOL_MEMORY_BYTES) {
        connection_take_in(c, TAKE_IN_KEEP, SPOOL_MEMORY_BYTES - (size_t)c->body.spool.end);
    }
}

/* A request that only writes must see an abort, too: look when the intake thread saw something
 * arrive, and from the second send on (a response in one send is over before an abort matters). */
static void look_before_sending(struct connection *c, unsigned flags) {
    if (flags & SEND_LAST) {
        if (c->reader.phase != READER_ENDED) {
            connection_take_in(c, TAKE_IN_DISCARD, REQUEST_DISCARD_BYTES);
        }
    } else if (c->response.has_sent ||
               atomic_load_explicit(&c->owner, memory_order_relaxed) != OWNER_SERVING) {
        request_look(c);
    }
}

/** @return the status of a head, "Status: 200 OK…"; 0: it has none */
static unsigned status_of(const struct iovec *head) {
    static const char s_name[] = "Status: ";
    enum { NAME_BYTES = sizeof s_name - 1, DIGITS = 3 };
    const char *text = head->iov_base;
    if (head->iov_len < NAME_BYTES + DIGITS || memcmp(text, s_name, NAME_BYTES) != 0) {
        return 0;
    }
    unsigned status = 0;
    for (const char *digit = text + NAME_BYTES; digit < text + NAME_BYTES + DIGITS; digit++) {
        status = status * 10 + (unsigned)(*digit - '0');
    }
    return status;
}

static void count_sent(struct connection *c, const struct iovec *parts, int part_count) {
    struct request_account *account = &c->request.account;
    if (!c->response.has_sent && part_count > 0) {
        account->status = status_of(&parts[0]);
        account->head_bytes = parts[0].iov_len;
    }
    account->sent_bytes += c->response.writer.content;
}

int request_send(struct request *request, const struct iovec *parts, int part_count, unsigned flags,
                 struct error *err) {
    struct connection *c = connection_of(request);
    if (is_closed(c)) {
        return report_closed(c, err); /* what was pending then is dropped with the connection */
    }
    assert(!record_writer_is_pending(&c->response.writer));
    look_before_sending(c, flags);
    if (is_closed(c) || c->response.has_ended_stream) {
        return report_closed(c, err);
    }
    record_writer_start(&c->response.writer, FCGI_STDOUT, c->reader.id, parts, part_count);
    count_sent(c, parts, part_count);
    c->response.has_sent =
        c->response.has_sent || c->response.writer.content > 0 || (flags & SEND_LAST);
    if (flags & SEND_LAST) {
        connection_end_streams(c);
        if (c->reader.phase == READER_ENDED) {
            record_writer_add_end_request(&c->response.writer, 0, FCGI_REQUEST_COMPLETE);
            c->response.has_ended = true;
        }
    }
    int result = connection_send(c);
    return result < 0 ? report_closed(c, err) : result;
}

void request_cut(struct connection *c) {
    size_t trailer = c->response.writer.trailer_bytes;
    record_writer_cut(&c->response.writer);
    if (c->response.writer.trailer_bytes < trailer) {
        c->response.has_ended = c->response.has_ended_stream = false;
    }
}

int request_poll(struct connection *c, short events, short *ret_events, struct error *err) {
    struct pollfd wanted = {.fd = c->fd, .events = events};
    struct request_hold *hold = c->request.hold;
    int own_fd = -1;
    if (hold) {
        /* Whoever takes the request may close the connection before the wait has begun, and another
         * one may get the number: a descriptor of this thread's own is waited for. */
        own_fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
        wanted.fd = own_fd >= 0 ? own_fd : c->fd;
        hold_wait(hold);
    }
    int ready = poll(&wanted, 1, REQUEST_STALL_MS);
    int failure = errno;
    if (own_fd >= 0) {
        close(own_fd);
    }
    if (hold && !hold_resume(hold)) {
        error_set(err, ERR_CLOSED, "the request ran out of its time");
        return -2;
    }
    *ret_events = ready > 0 ? wanted.revents : 0;
    errno = failure;
    return ready;
}

int request_wait_writable(struct connection *c, struct error *err) {
    bool takes_in = true;
    for (;;) {
        short events;
        int ready = request_poll(c, takes_in ? POLLOUT | POLLIN : POLLOUT, &events, err);
        if (ready == -2) {
            return -1;
        }
        if (ready == 0) {
            c->is_gone = true;
            return error_set(err, ERR_TIMEOUT,
                             "the web server took no byte of the response for %d s",
                             REQUEST_STALL_MS / 1000);
        }
        if (events & POLLIN) {
            takes_in =
                connection_take_in(c, c->response.has_ended_stream ? TAKE_IN_DISCARD : TAKE_IN_KEEP,
                                   SPOOL_MEMORY_BYTES);
        }
        if (events & (POLLOUT | POLLERR | POLLHUP)) {
            return 0; /* the write that follows reports an error */
        }
    }
}

int request_wait_sent(struct connection *c, struct error *err) {
    for (;;) {
        if (c->reader.is_aborted) {
            request_cut(c);
        }
        int result = connection_send(c);
        if (result <= 0) {
            return result < 0 ? report_closed(c, err) : 0;
        }
        if (request_wait_writable(c, err) < 0) {
            return -1;
        }
    }
}

int request_flush(struct request *request, struct error *err) {
    struct connection *c = connection_of(request);
    if (request_wait_sent(c, err) < 0) {
        return -1;
    }
    return c->reader.is_aborted ? report_closed(c, err) : 0;
}

int request_send_stderr(struct request *request, const void *text, size_t size, struct error *err) {
    struct connection *c = connection_of(request);
    if (request_flush(request, err) < 0) {
        return -1;
    }
    if (is_closed(c) || c->response.has_ended_stream) {
        return report_closed(c, err);
    }
    struct iovec part = {.iov_base = (void *)text, .iov_len = size};
    record_writer_start(&c->response.writer, FCGI_STDERR, c->reader.id, &part, 1);
    c->response.has_sent_stderr = c->response.has_sent_stderr || size > 0;
    return request_flush(request, err);
}

int request_own_output(struct connection *c) {
    struct record_writer *writer = &c->response.writer;
    if (writer->content == 0) {
        return 0;
    }
    uint8_t *content = malloc(writer->content);
    if (!content) {
        c->is_gone = true;
        return -1;
    }
    size_t used = 0;
    for (int i = 0; i < writer->part_count; i++) {
        memcpy(content + used, writer->parts[i].iov_base, writer->parts[i].iov_len);
        used += writer->parts[i].iov_len;
    }
    free(c->response.owned_content);
    c->response.owned_content = content;
    writer->parts[0] = (struct iovec){.iov_base = content, .iov_len = writer->content};
    writer->part_count = 1;
    return 0;
}
