/**
 * Bytes of a response as FastCGI records, without a copy: a list of the caller's buffers, seen as
 * one stream of records with their headers in between, of which a part has been sent.
 * Pure: output_fill() says what to write next, output_sent() is told how much was.
 *
 * Follows: FastCGI 1.0 §3.3; §5.3 (FCGI_STDOUT, FCGI_STDERR), §5.5.
 * @thread one at a time: the connection's owner (connection.h)
 * @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_OUTPUT_H
#define FCGI_HOST_FASTCGI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi_host/fastcgi/record.h"
#include "fcgi_host/fastcgi/request.h"

enum {
    /** Pieces in one system call: 32 records of 64 KiB is more than a socket takes at once. */
    OUTPUT_VECTORS = 72,
    OUTPUT_HEADERS = 32,
    /** End of FCGI_STDOUT, end of FCGI_STDERR, FCGI_END_REQUEST. */
    OUTPUT_TRAILER_BYTES = 2 * RECORD_HEADER_BYTES + RECORD_END_REQUEST_BYTES,
};

struct output {
    struct iovec parts[REQUEST_SEND_PARTS]; /**< copied; what they point to is the caller's */
    int part_count;
    uint8_t type;
    uint16_t id;
    size_t content;      /**< bytes of all parts */
    size_t stream_bytes; /**< these, their record headers and the trailer */
    size_t sent;         /**< of stream_bytes */
    size_t trailer_bytes;
    uint8_t trailer[OUTPUT_TRAILER_BYTES];
};

/** The memory that output_fill() points into, beside the caller's parts. */
struct output_vectors {
    struct iovec items[OUTPUT_VECTORS];
    uint8_t headers[OUTPUT_HEADERS][RECORD_HEADER_BYTES];
    int count;
};

/** Begin with `parts` as records of `type`; nothing of what was there before may be pending. */
void output_start(struct output *output, uint8_t type, uint16_t id, const struct iovec *parts,
                  int part_count);

/** Add to what follows the content; only after output_start(). */
void output_add_end_of_stream(struct output *output, uint8_t type);
void output_add_end_request(struct output *output, uint32_t app_status, uint8_t protocol_status);

/** Append what comes next (as much as fits) to `vectors`, which may hold something already. */
void output_fill(const struct output *output, struct output_vectors *vectors);
void output_sent(struct output *output, size_t bytes);
/** Drop all but the record that is partly sent (and a trailer that is): the request is aborted. */
void output_cut(struct output *output);
bool output_is_pending(const struct output *output);
/** Whether the next byte is the first of a record, so that another record may go before it. */
bool output_is_between_records(const struct output *output);

#endif
