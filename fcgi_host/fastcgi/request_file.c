/* Sending a file as FCGI_STDOUT records, from the page cache. */
#include <errno.h>
#include <fastcgi.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/fastcgi/request_internal.h"

/* The header of a record whose content sendfile() will send. */
static int send_header(struct connection *c, size_t content, struct error *err) {
    uint8_t header[RECORD_HEADER_BYTES];
    record_encode_header(header, FCGI_STDOUT, c->reader.id, (uint16_t)content);
    size_t done = 0;
    while (done < sizeof header) {
        ssize_t n = send(c->fd, header + done, sizeof header - done,
                         MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (request_wait_writable(c, err) < 0) {
                return -1;
            }
        } else if (errno != EINTR) {
            c->is_gone = true;
            return error_set(err, ERR_CLOSED, "the web server closed the connection");
        }
    }
    return 0;
}

static int send_content(struct connection *c, int fd, off_t *offset, size_t size,
                        struct error *err) {
    while (size > 0) {
        ssize_t n = sendfile(c->fd, fd, offset, size);
        if (n > 0) {
            size -= (size_t)n;
        } else if (n == 0) {
            c->is_gone = true; /* the record cannot be completed */
            return error_set(err, ERR_SYSTEM, "the file is shorter than what was to be sent");
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (request_wait_writable(c, err) < 0) {
                return -1;
            }
        } else if (errno != EINTR) {
            c->is_gone = true;
            return errno == EPIPE || errno == ECONNRESET
                       ? error_set(err, ERR_CLOSED, "the web server closed the connection")
                       : error_set_errno(err, errno, "sending a file");
        }
    }
    return 0;
}

/* sendfile() has no MSG_NOSIGNAL: SIGPIPE is blocked, and consumed if it was raised. */
static void hold_sigpipe(sigset_t *ret_before) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, ret_before);
}

static void release_sigpipe(const sigset_t *before) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    const struct timespec now = {0, 0};
    while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static int send_records(struct connection *c, int fd, off_t offset, size_t length,
                        struct error *err) {
    while (length > 0) {
        size_t content = length < RECORD_SEND_BYTES ? length : RECORD_SEND_BYTES;
        request_look(c);
        if (c->is_gone || c->reader.is_aborted || c->response.has_ended_stream) {
            return error_set(err, ERR_CLOSED, "the web server closed the connection");
        }
        c->response.has_sent = true;
        if (send_header(c, content, err) < 0 || send_content(c, fd, &offset, content, err) < 0) {
            return -1;
        }
        c->request.account.sent_bytes += content;
        length -= content;
    }
    return 0;
}

int request_send_file(struct request *request, int fd, off_t offset, size_t length, unsigned flags,
                      struct error *err) {
    struct connection *c = connection_of(request);
    if (request_flush(request, err) < 0) {
        return -1;
    }
    struct stat stat;
    if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
        return error_set(err, ERR_USAGE, "only a regular file can be sent with sendfile");
    }
    sigset_t before;
    hold_sigpipe(&before);
    int sent = send_records(c, fd, offset, length, err);
    release_sigpipe(&before);
    if (sent < 0) {
        return -1;
    }
    if (flags & SEND_LAST) {
        int result = request_send(request, NULL, 0, SEND_LAST, err);
        return result == 1 ? request_flush(request, err) : result;
    }
    return 0;
}
