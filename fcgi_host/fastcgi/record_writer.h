/**
 * Bytes of a response as FastCGI records, without a copy: a list of the caller's buffers, seen as
 * one stream of records with headers in between, and how much of the stream has been sent.  Pure:
 * record_writer_fill() says what to write next, record_writer_sent() is told how much was.
 *
 * Follows: FastCGI 1.0 §3.3; §5.3 (FCGI_STDOUT, FCGI_STDERR), §5.5.
 * @thread one at a time: the connection's owner (connection.h)
 * @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_RECORD_WRITER_H
#define FCGI_HOST_FASTCGI_RECORD_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi_host/fastcgi/record.h"

enum {
    /** Most parts in one record_writer_start(). */
    WRITER_PARTS = 16,
    /** Pieces in one system call: 32 records of 64 KiB is more than a socket takes at once. */
    WRITER_VECTORS = 72,
    WRITER_HEADERS = 32,
    /** End of FCGI_STDOUT, end of FCGI_STDERR, FCGI_END_REQUEST. */
    WRITER_TRAILER_BYTES = 2 * RECORD_HEADER_BYTES + RECORD_END_REQUEST_BYTES,
};

struct record_writer {
    struct iovec parts[WRITER_PARTS]; /**< copied; the bytes they point to are the caller's */
    int part_count;
    uint8_t type;
    uint16_t id;
    size_t content;      /**< bytes of all parts */
    size_t stream_bytes; /**< these, their record headers and the trailer */
    size_t sent;         /**< of stream_bytes */
    size_t trailer_bytes;
    uint8_t trailer[WRITER_TRAILER_BYTES];
};

/** The memory that record_writer_fill() points into, beside the caller's parts. */
struct writer_vectors {
    struct iovec items[WRITER_VECTORS];
    uint8_t headers[WRITER_HEADERS][RECORD_HEADER_BYTES];
    int count;
};

/** Nothing is pending any more. */
void record_writer_reset(struct record_writer *writer);

/** Begin with `parts` as records of `type`; nothing may be pending. */
void record_writer_start(struct record_writer *writer, uint8_t type, uint16_t id,
                         const struct iovec *parts, int part_count);

/** Add records behind the content; only after record_writer_start(). */
void record_writer_add_end_of_stream(struct record_writer *writer, uint8_t type);
void record_writer_add_end_request(struct record_writer *writer, uint32_t app_status,
                                   uint8_t protocol_status);

/** Append the bytes that come next, as many as fit, to `vectors`, which may hold others already. */
void record_writer_fill(const struct record_writer *writer, struct writer_vectors *vectors);
void record_writer_sent(struct record_writer *writer, size_t bytes);
/** Drop all but the record that is partly sent (and a trailer that is): the request is aborted. */
void record_writer_cut(struct record_writer *writer);
bool record_writer_is_pending(const struct record_writer *writer);
/** Whether the next byte is the first of a record, so that another record may go before it. */
bool record_writer_is_between_records(const struct record_writer *writer);

#endif
