#include "fcgi_host/fastcgi/request.h"

#include <assert.h>
#include <fastcgi.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi_host/fastcgi/connection.h"
#include "fcgi_host/fastcgi/request_internal.h"

const struct param *request_param(const struct request *request, const char *name) {
    return params_find(request->params, request->param_count, name, strlen(name));
}

bool request_is_aborted(struct request *request) {
    struct connection *c = connection_of(request);
    if (!c->reader.is_aborted && !c->is_gone) {
        request_look(c);
    }
    if (c->is_eof && !c->is_gone) {
        struct pollfd wanted = {.fd = c->fd, .events = 0};
        c->is_gone = poll(&wanted, 1, 0) > 0 && (wanted.revents & (POLLHUP | POLLERR));
    }
    return c->reader.is_aborted || c->is_gone;
}

static bool is_unix_socket(int fd) {
    int domain = AF_UNIX;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_UNIX;
}

bool request_is_client_gone(struct request *request) {
    const struct connection *c = connection_of(request);
    return request_is_aborted(request) || (c->is_eof && !is_unix_socket(c->fd));
}

bool request_watch_client(struct request *request) {
    return connection_watch(connection_of(request), request->hold);
}

void request_unwatch_client(struct request *request) {
    connection_unwatch(connection_of(request));
}

bool request_is_whole(const struct request *request) {
    const struct connection *c = request->connection;
    return !c->response.has_sent && !c->is_gone && !c->is_eof &&
           body_spool_is_empty(&c->body.spool) && record_reader_body_is_complete(&c->reader) &&
           record_reader_can_unread(&c->reader);
}

static bool is_stdin_over(const struct connection *c) {
    return c->reader.phase == READER_ENDED || c->reader.is_broken || c->is_eof;
}

/* Add what the response still lacks.  If the connection is kept, FCGI_END_REQUEST waits for the end
 * of FCGI_STDIN, so that the next request finds a clean start.  If not, it is sent at once: nginx
 * sends no more of the body once it has seen the response's header, and without fastcgi_keep_conn
 * it does not look at the rest of a short response before the end of file. */
static void complete_response(struct connection *c) {
    connection_take_in(c, TAKE_IN_DISCARD, REQUEST_DISCARD_BYTES);
    if (is_stdin_over(c) || !c->reader.keep_connection) {
        connection_end_response(c);
    } else if (!c->response.has_ended_stream &&
               c->response.protocol_status == FCGI_REQUEST_COMPLETE) {
        record_writer_start(&c->response.writer, FCGI_STDOUT, c->reader.id, NULL, 0);
        connection_end_streams(c);
    }
}

/* Send all that is pending.  On a thread that must not wait, keep the rest for the intake thread.
 * @return 0, 1 some is left, -1 the peer is gone */
static int send_output(struct connection *c) {
    int result = connection_send(c);
    if (result != 1) {
        return result;
    }
    if (c->is_taken_over || pthread_equal(pthread_self(), c->returns->thread)) {
        return request_own_output(c) < 0 ? -1 : 1;
    }
    return request_wait_sent(c, NULL);
}

void request_give_up(struct request *request) {
    struct connection *c = connection_of(request);
    connection_unwatch(c);
    request->hold = NULL;
    request->was_given_up = true;
    request->account.begun_ns = request->account.generation = 0;
    if (c->response.has_sent_stderr) { /* whoever runs it next does not know of it */
        record_writer_start(&c->response.writer, FCGI_STDERR, c->reader.id, NULL, 0);
        record_writer_add_end_of_stream(&c->response.writer, FCGI_STDERR);
        c->response.has_sent_stderr = false;
        send_output(c); /* a peer that is gone is found later */
    }
}

static void hand_back_connection(struct connection *c) {
    if (!c->response.has_ended) {
        c->mode = MODE_DRAIN; /* the intake thread ends it when it can */
        connection_give_back(c, true);
    } else if (connection_has_to_send(c) || !is_stdin_over(c)) {
        c->mode = MODE_END; /* and there MODE_LINGER while the body still arrives */
        connection_give_back(c, true);
    } else if (c->reader.keep_connection && !c->reader.is_broken && !c->is_eof) {
        connection_reset_request(c);
        connection_give_back(c, false);
    } else {
        connection_close(c);
    }
}

/* Close, so that no web server takes what it has for a whole response.  Most complain when
 * FCGI_END_REQUEST is missing; nginx, unless told to keep connections, and Caddy take the end of
 * file for the end of the response.  A record of another version of the protocol is an error to
 * both; its type is one that nobody asked for, and it is empty, since Caddy adds the content of any
 * record to the response. */
static void close_visibly_cut(struct connection *c) {
    static const FCGI_Header s_unasked = {.version = 0, .type = FCGI_UNKNOWN_TYPE};
    if (c->response.has_sent && !c->is_gone &&
        record_writer_is_between_records(&c->response.writer)) {
        send(c->fd, &s_unasked, sizeof s_unasked, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (c->is_gone || is_stdin_over(c) || connection_has_to_send(c)) {
        connection_close(c);
        return;
    }
    c->reader.keep_connection = false;
    /* The peer still sends: a reset could destroy what the peer has not read yet. */
    c->mode = MODE_END;
    connection_give_back(c, true);
}

static void (*s_told)(const struct request *request, enum request_end end);

void request_tell_ends(void (*told)(const struct request *request, enum request_end end)) {
    s_told = told;
}

void request_finish(struct request *request, enum request_end end, uint32_t app_status) {
    struct connection *c = connection_of(request);
    assert(end != REQUEST_OVERLOADED || !c->response.has_sent);
    if (s_told) {
        s_told(request, c->is_gone ? REQUEST_CUT : end);
    }
    request->hold = NULL; /* no other thread takes it any more */
    free(request->path_storage);
    request->path_storage = NULL;
    if (end == REQUEST_CUT || c->is_gone) {
        close_visibly_cut(c);
        return;
    }
    c->response.app_status = app_status;
    c->response.protocol_status =
        end == REQUEST_OVERLOADED ? FCGI_OVERLOADED : FCGI_REQUEST_COMPLETE;
    if (record_writer_is_pending(&c->response.writer)) {
        if (c->reader.is_aborted) {
            request_cut(c);
        }
        if (send_output(c) < 0) {
            connection_close(c);
            return;
        }
    }
    if (!c->response.has_ended && !record_writer_is_pending(&c->response.writer)) {
        complete_response(c);
        if (send_output(c) < 0) {
            connection_close(c);
            return;
        }
    }
    hand_back_connection(c);
}

enum request_progress request_take_over(struct request *request) {
    struct connection *c = connection_of(request);
    request->hold = NULL;
    c->is_taken_over = true;
    if (record_writer_is_pending(&c->response.writer)) {
        return REQUEST_HALF_SENT; /* of bytes that are the other thread's */
    }
    if (c->response.has_ended_stream) {
        return REQUEST_ANSWERED;
    }
    return c->response.has_sent ? REQUEST_HALF_SENT : REQUEST_UNANSWERED;
}

bool request_finish_is_quick(const struct request *request) {
    const struct connection *c = request->connection;
    return c->is_gone ||
           (c->response.has_ended_stream && !record_writer_is_pending(&c->response.writer));
}
