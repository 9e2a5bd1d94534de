/**
 * What a web server sends on one connection, taken apart: a buffer of received bytes and the
 * state machine over its records.  Pure: whoever receives bytes appends them here.
 *
 * One buffer, three parts, in this order, each may be empty:
 *
 *     params          name-value pairs of the request, record headers taken out
 *     body            body bytes that wait for the application, record headers taken out
 *     raw             bytes as received, not looked at yet
 *
 * The payload of a record is moved to its part only if that part is not empty already, so a request
 * whose params and body came in one record each is never copied.
 *
 * Life cycle of a request in it:
 *   1. IDLE: management records are answered, records of unknown ids skipped
 *   2. PARAMS, from FCGI_BEGIN_REQUEST on; input_next() → INPUT_HEADER at its end
 *   3. STDIN: input_next() → INPUT_BODY …, then INPUT_END
 *   4. ENDED: a further FCGI_BEGIN_REQUEST is left where it is (it is the next request, served
 *      after this one); input_reset() → IDLE
 *
 * Replies that the specification asks for at once (refusals, management results) are put into
 * `replies`; whoever drives the machine sends them between two records of the response.
 *
 * Follows: FastCGI 1.0 §3.3, §4, §5, §6.1-§6.3.
 * @thread one at a time: the connection's owner (connection.h)
 * @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_INPUT_H
#define FCGI_HOST_FASTCGI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/record.h"
#include "fcgi_host/fastcgi/request.h"

enum {
    /** Content of a management record: three names with their lengths need 50 bytes. */
    INPUT_MANAGEMENT_BYTES = 1024,
    /** Pairs in one request; web servers limit header fields to some hundred. */
    INPUT_PARAMS_MAX = 2048,
    /** Replies not sent yet; a peer that asks for more without reading them is cut off. */
    INPUT_REPLY_BYTES = 512,
    /** What the buffer starts with: the header of nearly every request. */
    INPUT_START_BYTES = 4096,
    /** What it may keep between requests. */
    INPUT_KEEP_BYTES = 16384,
};

enum input_phase { INPUT_IDLE, INPUT_PARAMS, INPUT_STDIN, INPUT_ENDED };

enum input_event {
    INPUT_MORE,    /**< nothing more to see: append bytes, ask again */
    INPUT_HEADER,  /**< all params are there and taken apart */
    INPUT_BODY,    /**< body bytes are next: input_body(), then input_keep() or input_drop() */
    INPUT_END,     /**< the end of FCGI_STDIN, or: it was reached before; stays so */
    INPUT_ABORT,   /**< FCGI_ABORT_REQUEST for the active request; comes once, then INPUT_END */
    INPUT_REFUSED, /**< a request without FCGI_KEEP_CONN was refused: a reply is ready, close */
    INPUT_ERROR,   /**< not FastCGI, or beyond a limit: close the connection; stays so */
};

struct input_limits {
    struct record_limits values; /**< told to FCGI_GET_VALUES */
    uint32_t max_header_bytes;   /**< of all params of one request */
};

struct input {
    const struct input_limits *limits;
    uint8_t *bytes;
    size_t capacity;
    size_t params_begin, params_end;
    size_t body_begin, body_end;
    size_t raw_begin, raw_end;

    /* The record being taken apart. */
    uint16_t content_left;
    uint8_t padding_left;
    uint8_t content_is; /**< enum content in input.c */

    /* The request. */
    enum input_phase phase;
    bool is_aborted;
    bool is_broken; /**< INPUT_ERROR was returned */
    bool keep_connection;
    enum request_role role;
    uint16_t id;
    int64_t content_length; /**< -1: not told */
    bool has_bad_length;    /**< CONTENT_LENGTH is no number: to be answered 400 */
    uint64_t body_received; /**< body bytes kept or dropped so far, ≤ content_length */
    struct param *params;
    size_t param_count, param_capacity;

    size_t reply_bytes;
    uint8_t replies[INPUT_REPLY_BYTES];
};

/** @return 0, or -1 when out of memory */
int input_init(struct input *input, const struct input_limits *limits);
void input_destroy(struct input *input);

/**
 * Append received bytes; the buffer grows as needed.  Slices into it (params) stay right.
 * @return 0, or -1 when out of memory
 */
int input_append(struct input *input, const void *bytes, size_t size);

/** Room behind the raw bytes, made without moving params; for receiving straight into it.
 *  input_received() tells how much came. May be 0 bytes when input_reserve() was not called. */
uint8_t *input_room(struct input *input, size_t *ret_size);
void input_received(struct input *input, size_t size);
/** Make sure of that much room (while no slice is held by another). @return 0, or -1: memory */
int input_reserve(struct input *input, size_t size);

/** Take the raw bytes apart up to the next event. Never blocks; nothing is lost between calls. */
enum input_event input_next(struct input *input);

/** After INPUT_BODY: the bytes that are there now. */
const uint8_t *input_body(const struct input *input, size_t *ret_size);
/** Move all of them to the body part of the buffer. */
void input_keep(struct input *input);
/** Done with the first `size` of them: copied elsewhere, or not wanted. */
void input_drop(struct input *input, size_t size);

/**
 * How many body bytes, and nothing else, must come next on the socket, so that they may be
 * received straight into the application's buffer; input_took_direct() tells how many came.
 * 0 when raw bytes wait to be taken apart.
 */
size_t input_direct_bytes(const struct input *input);
void input_took_direct(struct input *input, size_t size);

/** Whether all body bytes that FCGI_STDIN will bring have been kept, dropped or taken. */
bool input_body_is_complete(const struct input *input);

/** Forget the request; raw bytes behind it stay. A big buffer is given back. */
void input_reset(struct input *input);

/** A reply of the host's own, to be sent with the others. @return 0, or -1: no room */
int input_reply(struct input *input, const void *record, size_t size);

#endif
