#include "fcgi_host/fastcgi/record_buffer.h"

#include <stdlib.h>
#include <string.h>

int record_buffer_init(struct record_buffer *buffer) {
    *buffer = (struct record_buffer){.bytes = malloc(BUFFER_START_BYTES)};
    if (!buffer->bytes) {
        return -1;
    }
    buffer->capacity = BUFFER_START_BYTES;
    return 0;
}

void record_buffer_destroy(struct record_buffer *buffer) {
    free(buffer->bytes);
    buffer->bytes = NULL;
}

/* Move raw bytes down to the part before them. */
static void compact_raw(struct record_buffer *buffer) {
    size_t floor = buffer->body_begin < buffer->body_end ? buffer->body_end : buffer->params_end;
    size_t raw = record_buffer_raw_bytes(buffer);
    if (buffer->raw_begin > floor) {
        memmove(buffer->bytes + floor, buffer->bytes + buffer->raw_begin, raw);
        buffer->raw_begin = floor;
        buffer->raw_end = floor + raw;
    }
}

int record_buffer_reserve(struct record_buffer *buffer, size_t size, uint8_t **ret_left) {
    *ret_left = NULL;
    if (size <= buffer->capacity - buffer->raw_end) {
        return 0;
    }
    compact_raw(buffer);
    if (size <= buffer->capacity - buffer->raw_end) {
        return 0;
    }
    size_t needed = buffer->raw_end + size;
    size_t capacity = buffer->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *bytes = malloc(capacity);
    if (!bytes) {
        return -1;
    }
    memcpy(bytes, buffer->bytes, buffer->raw_end);
    *ret_left = buffer->bytes;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

uint8_t *record_buffer_room(struct record_buffer *buffer, size_t *ret_size) {
    /* There are usually no raw bytes to move, or a few (a header cut in two). */
    compact_raw(buffer);
    *ret_size = buffer->capacity - buffer->raw_end;
    return buffer->bytes + buffer->raw_end;
}

/* Let raw bytes join the part that ends at `*end`; an empty part begins where they are. */
static void join_part(struct record_buffer *buffer, size_t *begin, size_t *end, size_t size) {
    if (*begin == *end) {
        *begin = *end = buffer->raw_begin;
    } else if (*end != buffer->raw_begin) {
        memmove(buffer->bytes + *end, buffer->bytes + buffer->raw_begin, size);
    }
    *end += size;
}

void record_buffer_add_params(struct record_buffer *buffer, size_t size) {
    join_part(buffer, &buffer->params_begin, &buffer->params_end, size);
    buffer->body_begin = buffer->body_end = buffer->params_end;
}

void record_buffer_add_body(struct record_buffer *buffer, size_t size) {
    join_part(buffer, &buffer->body_begin, &buffer->body_end, size);
}

size_t record_buffer_take_body(struct record_buffer *buffer, uint8_t *to, size_t size) {
    size_t kept = buffer->body_end - buffer->body_begin;
    size_t take = kept < size ? kept : size;
    memcpy(to, buffer->bytes + buffer->body_begin, take);
    buffer->body_begin += take;
    if (buffer->body_begin == buffer->body_end) {
        buffer->body_begin = buffer->body_end = buffer->params_end;
    }
    return take;
}

/* A connection that idles does not hold memory beyond what most requests need. */
static void shrink_block(struct record_buffer *buffer, size_t raw) {
    if (buffer->capacity > BUFFER_KEEP_BYTES && raw <= BUFFER_START_BYTES) {
        uint8_t *bytes = realloc(buffer->bytes, BUFFER_START_BYTES);
        if (bytes) {
            buffer->bytes = bytes;
            buffer->capacity = BUFFER_START_BYTES;
        }
    }
}

void record_buffer_reset(struct record_buffer *buffer) {
    size_t raw = record_buffer_raw_bytes(buffer);
    if (raw > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->raw_begin, raw);
    }
    buffer->params_begin = buffer->params_end = 0;
    buffer->body_begin = buffer->body_end = 0;
    buffer->raw_begin = 0;
    buffer->raw_end = raw;
    shrink_block(buffer, raw);
}
