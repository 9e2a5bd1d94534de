/* What a reader has taken apart, put together again for another reader. */
#include <assert.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/record_reader.h"

/** Records on their way into a block that is large enough. */
struct sheaf {
    uint8_t *end;
    uint16_t id;
};

static void add_bytes(struct sheaf *sheaf, const void *bytes, size_t size) {
    memcpy(sheaf->end, bytes, size);
    sheaf->end += size;
}

static void add_header(struct sheaf *sheaf, uint8_t type, uint16_t content_bytes,
                       uint8_t padding_bytes) {
    record_encode_header(sheaf->end, type, sheaf->id, content_bytes);
    ((FCGI_Header *)sheaf->end)->paddingLength = padding_bytes;
    sheaf->end += RECORD_HEADER_BYTES;
}

/** The content of a stream so far, as whole records; none if it is empty (§3.3: that would end it).
 */
static void add_stream(struct sheaf *sheaf, uint8_t type, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        size_t here = size < RECORD_SEND_BYTES ? size : RECORD_SEND_BYTES;
        add_header(sheaf, type, (uint16_t)here, 0);
        add_bytes(sheaf, bytes, here);
        bytes += here;
        size -= here;
    }
}

static void add_begin(struct sheaf *sheaf, const struct record_reader *reader) {
    const FCGI_BeginRequestBody body = {
        .roleB1 = (uint8_t)((unsigned)reader->role >> 8),
        .roleB0 = (uint8_t)reader->role,
        .flags = reader->keep_connection ? FCGI_KEEP_CONN : 0,
    };
    add_header(sheaf, FCGI_BEGIN_REQUEST, sizeof body, 0);
    add_bytes(sheaf, &body, sizeof body);
}

static void add_request(struct sheaf *sheaf, const struct record_reader *reader) {
    const struct record_buffer *buffer = &reader->buffer;
    if (reader->phase == READER_IDLE) {
        return;
    }
    add_begin(sheaf, reader);
    add_stream(sheaf, FCGI_PARAMS, buffer->bytes + buffer->params_begin,
               buffer->params_end - buffer->params_begin);
    if (reader->phase == READER_PARAMS) {
        return;
    }
    add_header(sheaf, FCGI_PARAMS, 0, 0);
    add_stream(sheaf, FCGI_STDIN, buffer->bytes + buffer->body_begin,
               buffer->body_end - buffer->body_begin);
    if (reader->phase == READER_ENDED && reader->role != ROLE_AUTHORIZER) {
        add_header(sheaf, FCGI_STDIN, 0, 0);
    }
}

/** The record whose content or padding is still to come: FCGI_DATA stands for what is skipped. */
static void add_rest_of_record(struct sheaf *sheaf, const struct record_reader *reader) {
    uint8_t type = FCGI_DATA;
    if (reader->content_left == 0 && reader->padding_left == 0) {
        return;
    }
    if (reader->content_left > 0 && reader->content_is == CONTENT_PARAMS) {
        type = FCGI_PARAMS;
    } else if (reader->content_left > 0 && reader->content_is == CONTENT_STDIN) {
        type = FCGI_STDIN;
    }
    add_header(sheaf, type, reader->content_left, reader->padding_left);
}

static size_t stream_room(size_t size) {
    return size + (size / RECORD_SEND_BYTES + 1) * RECORD_HEADER_BYTES;
}

bool record_reader_can_unread(const struct record_reader *reader) {
    const struct record_buffer *buffer = &reader->buffer;
    bool has_whole_body = reader->body_received == buffer->body_end - buffer->body_begin;
    return has_whole_body && !reader->is_broken && !reader->is_aborted && reader->reply_bytes == 0;
}

uint8_t *record_reader_unread(const struct record_reader *reader, size_t *ret_size) {
    const struct record_buffer *buffer = &reader->buffer;
    size_t raw = record_buffer_raw_bytes(buffer);
    /* FCGI_BEGIN_REQUEST, the ends of two streams, the record that is cut. */
    size_t room = sizeof(FCGI_BeginRequestRecord) + 3 * RECORD_HEADER_BYTES +
                  stream_room(buffer->params_end - buffer->params_begin) +
                  stream_room(buffer->body_end - buffer->body_begin) + raw;
    assert(record_reader_can_unread(reader));
    uint8_t *bytes = malloc(room);
    if (!bytes) {
        return NULL;
    }
    /* Without a request any id is skipped but 0, which stands for management records (§3.3). */
    struct sheaf sheaf = {bytes, reader->phase == READER_IDLE ? 1 : reader->id};
    add_request(&sheaf, reader);
    add_rest_of_record(&sheaf, reader);
    add_bytes(&sheaf, buffer->bytes + buffer->raw_begin, raw);
    *ret_size = (size_t)(sheaf.end - bytes);
    assert(*ret_size <= room);
    return bytes;
}
