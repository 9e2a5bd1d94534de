/**
 * A response that goes on for as long as the client wants, without a request: the connection was
 * taken from the intake thread (intake_pass_request()), and what is sent on it are events
 * (text/event-stream).
 *
 * Nothing here waits: a peer that does not read is closed, since browsers connect again.  What the
 * peer sends is thrown away, but for FCGI_ABORT_REQUEST.
 *
 * Follows: FastCGI 1.0 §3.3, §5.4; WHATWG HTML, "Server-sent events".
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_EVENT_STREAM_H
#define FCGI_HOST_FASTCGI_EVENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_stream {
    int fd;      /**< connected, non-blocking; -1: closed */
    uint16_t id; /**< the web server's request id */
    /* The record that the peer is sending. */
    uint8_t header[8];
    size_t header_bytes;
    size_t skip_bytes; /**< of its content and padding */
};

/** Begin on a connection.
 *  @param fd     taken over
 *  @param bytes  what has been read of it, from the start of a record on */
void event_stream_begin(struct event_stream *stream, int fd, uint16_t id, const void *bytes,
                        size_t size);

/** Send text, of at most 64 KiB. @return whether it was; else the stream is to be closed */
bool event_stream_send(const struct event_stream *stream, const char *text, size_t size);

/** Something has come. @return whether the peer goes on; else the stream is to be closed */
bool event_stream_read(struct event_stream *stream);

/** End the response, as far as the peer takes it, and close. */
void event_stream_close(struct event_stream *stream);

#endif
