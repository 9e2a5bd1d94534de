#include "fcgi_host/fastcgi/event_stream.h"

#include <errno.h>
#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/record.h"

/* @return whether all was taken at once */
static bool send_all(int fd, struct iovec *parts, size_t count, size_t size) {
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0 && (size_t)sent == size;
}

bool event_stream_send(const struct event_stream *stream, const char *text, size_t size) {
    uint8_t header[RECORD_HEADER_BYTES];
    struct iovec parts[] = {{header, sizeof header}, {(void *)text, size}};
    if (size == 0 || size > RECORD_SEND_BYTES) { /* an empty record would end the stream */
        return size == 0;
    }
    record_encode_header(header, FCGI_STDOUT, stream->id, (uint16_t)size);
    return send_all(stream->fd, parts, 2, sizeof header + size);
}

/* @return whether the peer goes on */
static bool take_header(struct event_stream *stream) {
    struct record_header header;
    record_decode_header(stream->header, &header);
    stream->header_bytes = 0;
    stream->skip_bytes = (size_t)header.content_bytes + header.padding_bytes;
    return header.version == FCGI_VERSION_1 && header.type != FCGI_ABORT_REQUEST;
}

/* @return whether the peer goes on */
static bool take_bytes(struct event_stream *stream, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        size_t used = stream->skip_bytes < size ? stream->skip_bytes : size;
        if (used > 0) {
            stream->skip_bytes -= used;
        } else {
            stream->header[stream->header_bytes++] = *bytes;
            used = 1;
            if (stream->header_bytes == sizeof stream->header && !take_header(stream)) {
                return false;
            }
        }
        bytes += used;
        size -= used;
    }
    return true;
}

void event_stream_begin(struct event_stream *stream, int fd, uint16_t id, const void *bytes,
                        size_t size) {
    *stream = (struct event_stream){.fd = fd, .id = id};
    take_bytes(stream, bytes, size); /* a request that was not aborted */
}

bool event_stream_read(struct event_stream *stream) {
    uint8_t buffer[512];
    for (;;) {
        ssize_t size = recv(stream->fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        }
        if (size <= 0 || !take_bytes(stream, buffer, (size_t)size)) {
            return false;
        }
    }
}

void event_stream_close(struct event_stream *stream) {
    uint8_t end[RECORD_HEADER_BYTES + RECORD_END_REQUEST_BYTES];
    struct iovec part = {end, sizeof end};
    if (stream->fd < 0) {
        return;
    }
    record_encode_header(end, FCGI_STDOUT, stream->id, 0);
    record_encode_end_request(end + RECORD_HEADER_BYTES, stream->id, 0, FCGI_REQUEST_COMPLETE);
    send_all(stream->fd, &part, 1, sizeof end);
    close(stream->fd);
    stream->fd = -1;
}
