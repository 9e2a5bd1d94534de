/**
 * What a web server sends on one connection, taken apart: a buffer of received bytes
 * (record_buffer.h) and the state machine over its records.  No I/O: the owner of the connection
 * receives bytes and appends them here.
 *
 * Life cycle of a request in the reader:
 *   1. IDLE: management records are answered, records of unknown ids skipped
 *   2. PARAMS, from FCGI_BEGIN_REQUEST on; record_reader_next() → READER_HEADER at its end
 *   3. STDIN: record_reader_next() → READER_BODY …, then READER_END
 *   4. ENDED: a further FCGI_BEGIN_REQUEST is left where it is (it is the next request, served
 *      after this one); record_reader_reset() → IDLE
 *
 * Replies that the specification asks for at once (refusals, management results) are put into
 * `replies`; the connection's owner sends them between two records of the response.
 *
 * Follows: FastCGI 1.0 §3.3, §4, §5, §6.1-§6.3.
 * @thread one at a time: the connection's owner (connection.h)
 * @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_RECORD_READER_H
#define FCGI_HOST_FASTCGI_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/reader_params.h"
#include "fcgi_host/fastcgi/record.h"
#include "fcgi_host/fastcgi/record_buffer.h"

enum {
    /** Content of a management record: three names with their lengths need 50 bytes. */
    READER_MANAGEMENT_BYTES = 1024,
    /** Replies not sent yet; a peer that asks for more without reading them is cut off. */
    READER_REPLY_BYTES = 512,
};

enum reader_phase { READER_IDLE, READER_PARAMS, READER_STDIN, READER_ENDED };

enum reader_event {
    /** Nothing more to see: append bytes, ask again. */
    READER_MORE,
    /** All params are there and taken apart. */
    READER_HEADER,
    /** Body bytes are next: record_reader_body(), then record_reader_keep() or _drop(). */
    READER_BODY,
    /** FCGI_STDIN is at its end, or was before; returned again and again. */
    READER_END,
    /** FCGI_ABORT_REQUEST for the active request; returned once, then READER_END. */
    READER_ABORT,
    /** A request without FCGI_KEEP_CONN was refused: a reply is ready, then close. */
    READER_REFUSED,
    /** Not FastCGI, or beyond a limit: close the connection; returned again and again. */
    READER_ERROR,
};

/** What to do with the content of the record being taken apart. */
enum reader_content { CONTENT_SKIP, CONTENT_PARAMS, CONTENT_STDIN };

struct reader_limits {
    struct record_limits values; /**< told to FCGI_GET_VALUES */
    uint32_t max_header_bytes;   /**< of all params of one request */
};

struct record_reader {
    const struct reader_limits *limits;
    struct record_buffer buffer;

    /* The record being taken apart. */
    uint16_t content_left;
    uint8_t padding_left;
    uint8_t content_is; /**< enum reader_content */

    /* The request. */
    enum reader_phase phase;
    bool is_aborted;
    bool is_broken; /**< READER_ERROR was returned */
    bool keep_connection;
    enum request_role role;
    uint16_t id;
    struct reader_params params;
    uint64_t body_received; /**< body bytes kept or dropped so far, ≤ params.content_length */

    size_t reply_bytes;
    uint8_t replies[READER_REPLY_BYTES];
};

/** @return 0, or -1 when out of memory */
int record_reader_init(struct record_reader *reader, const struct reader_limits *limits);
void record_reader_destroy(struct record_reader *reader);

/** Forget the request; raw bytes behind it stay. Memory of a big request is given back. */
void record_reader_reset(struct record_reader *reader);
/** Begin with another connection: forget everything. */
void record_reader_restart(struct record_reader *reader);

/**
 * Append received bytes; the buffer grows as needed.  Params stay right.
 * @return 0, or -1 when out of memory
 */
int record_reader_append(struct record_reader *reader, const void *bytes, size_t size);

/** Room behind the raw bytes, to receive straight into it, made without moving params;
 *  record_reader_received() tells how much came. It may be 0 bytes without
 *  record_reader_reserve(). */
uint8_t *record_reader_room(struct record_reader *reader, size_t *ret_size);
void record_reader_received(struct record_reader *reader, size_t size);
/** Make room for `size` bytes; slices that others hold become invalid. @return 0, or -1: memory */
int record_reader_reserve(struct record_reader *reader, size_t size);

/** Take the raw bytes apart up to the next event. Never blocks; nothing is lost between calls. */
enum reader_event record_reader_next(struct record_reader *reader);

/** After READER_BODY: the bytes that are there now. */
const uint8_t *record_reader_body(const struct record_reader *reader, size_t *ret_size);
/** Move all of them to the body part of the buffer. */
void record_reader_keep(struct record_reader *reader);
/** Done with the first `size` of them: copied elsewhere, or not wanted. */
void record_reader_drop(struct record_reader *reader, size_t size);
/** Copy what was kept, at most `size` bytes, and forget it. @return how many */
size_t record_reader_take_kept(struct record_reader *reader, void *to, size_t size);

/**
 * How many body bytes, and nothing else, must come next on the socket, so that they may be
 * received straight into the application's buffer; record_reader_took_direct() tells how many came.
 * 0 when raw bytes wait to be taken apart.
 */
size_t record_reader_direct_bytes(const struct record_reader *reader);
void record_reader_took_direct(struct record_reader *reader, size_t size);

/** Whether all body bytes that FCGI_STDIN will bring have been kept, dropped or taken. */
bool record_reader_body_is_complete(const struct record_reader *reader);
/** Whether received bytes wait to be taken apart. */
bool record_reader_has_raw(const struct record_reader *reader);
/** Whether no request has begun and nothing waits to be taken apart. */
bool record_reader_is_idle(const struct record_reader *reader);

/**
 * Whether record_reader_unread() is possible: nothing that was received is lost or answered, and no
 * reply waits.
 */
bool record_reader_can_unread(const struct record_reader *reader);
/**
 * Put together again what was taken apart: the bytes that bring another reader to where this one
 * is, the request as far as it has come and what was received behind it.
 * @pre    record_reader_can_unread()
 * @return malloc'ed, or NULL: out of memory  @owns the caller
 */
uint8_t *record_reader_unread(const struct record_reader *reader, size_t *ret_size);

/** Throw away the bytes that wait to be taken apart: for a connection that is closing. */
void record_reader_discard_raw(struct record_reader *reader);

#endif
