/**
 * The bytes received on one connection, in one block of memory.  Three parts, in this order, each
 * may be empty:
 *
 *     params          name-value pairs of the request, record headers taken out
 *     body            body bytes that wait for the application, record headers taken out
 *     raw             bytes as received, not looked at yet
 *
 * The content of a record is moved to its part only if that part is not empty already, so a request
 * whose params and body came in one record each is never copied.
 *
 * @thread as struct record_reader  @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_RECORD_BUFFER_H
#define FCGI_HOST_FASTCGI_RECORD_BUFFER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /** What a buffer starts with: the header of nearly every request. */
    BUFFER_START_BYTES = 4096,
    /** What a buffer may keep between requests. */
    BUFFER_KEEP_BYTES = 16384,
};

struct record_buffer {
    uint8_t *bytes;
    size_t capacity;
    size_t params_begin, params_end;
    size_t body_begin, body_end;
    size_t raw_begin, raw_end;
};

/** @return 0, or -1 when out of memory */
int record_buffer_init(struct record_buffer *buffer);
void record_buffer_destroy(struct record_buffer *buffer);

/**
 * Make sure of room for `size` bytes behind the raw ones.
 * @param[out] ret_left  the block that was replaced by a larger one, which the caller frees when
 *                       nothing points into it any more; NULL: the bytes have not moved
 * @return 0, or -1 when out of memory
 */
int record_buffer_reserve(struct record_buffer *buffer, size_t size, uint8_t **ret_left);
/** Room behind the raw bytes, made without moving params: to receive into. */
uint8_t *record_buffer_room(struct record_buffer *buffer, size_t *ret_size);
/** `size` bytes of that room are raw bytes now. */
static inline void record_buffer_received(struct record_buffer *buffer, size_t size) {
    assert(size <= buffer->capacity - buffer->raw_end);
    buffer->raw_end += size;
}

/** Bytes not looked at yet; they begin at bytes[raw_begin]. */
static inline size_t record_buffer_raw_bytes(const struct record_buffer *buffer) {
    return buffer->raw_end - buffer->raw_begin;
}
/** Drop the first `size` raw bytes; when none are left, their room is free again. */
static inline void record_buffer_skip(struct record_buffer *buffer, size_t size) {
    buffer->raw_begin += size;
    assert(buffer->raw_begin <= buffer->raw_end);
    if (buffer->raw_begin == buffer->raw_end) {
        buffer->raw_begin = buffer->raw_end =
            buffer->body_begin < buffer->body_end ? buffer->body_end : buffer->params_end;
    }
}
/** The first `size` raw bytes belong to the params, or to the body; record_buffer_skip() must
 *  follow. */
void record_buffer_add_params(struct record_buffer *buffer, size_t size);
void record_buffer_add_body(struct record_buffer *buffer, size_t size);
/** Copy what the body part holds, at most `size` bytes, and take it out. @return how many */
size_t record_buffer_take_body(struct record_buffer *buffer, uint8_t *to, size_t size);

/** Forget params and body; raw bytes stay. A big block is given back. */
void record_buffer_reset(struct record_buffer *buffer);

#endif
