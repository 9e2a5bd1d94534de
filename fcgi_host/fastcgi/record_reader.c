#include "fcgi_host/fastcgi/record_reader.h"

#include <assert.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

static enum reader_event fail_reading(struct record_reader *reader) {
    reader->is_broken = true;
    return READER_ERROR;
}

int record_reader_init(struct record_reader *reader, const struct reader_limits *limits) {
    memset(reader, 0, sizeof *reader);
    reader->limits = limits;
    reader_params_init(&reader->params);
    return record_buffer_init(&reader->buffer);
}

void record_reader_destroy(struct record_reader *reader) {
    record_buffer_destroy(&reader->buffer);
    reader_params_destroy(&reader->params);
}

void record_reader_reset(struct record_reader *reader) {
    reader->phase = READER_IDLE;
    reader->is_aborted = false;
    reader->content_is = CONTENT_SKIP; /* what is left of a record of the old request is skipped */
    reader->body_received = 0;
    reader_params_reset(&reader->params);
    record_buffer_reset(&reader->buffer);
}

void record_reader_restart(struct record_reader *reader) {
    record_reader_discard_raw(reader);
    reader->content_left = 0;
    reader->padding_left = 0;
    reader->is_broken = false;
    reader->reply_bytes = 0;
    record_reader_reset(reader);
}

/* ---- Receiving ---- */

int record_reader_reserve(struct record_reader *reader, size_t size) {
    uint8_t *left;
    if (record_buffer_reserve(&reader->buffer, size, &left) < 0) {
        return -1;
    }
    if (left) {
        reader_params_rebase(&reader->params, left, reader->buffer.bytes);
        free(left);
    }
    return 0;
}

int record_reader_append(struct record_reader *reader, const void *bytes, size_t size) {
    if (record_reader_reserve(reader, size) < 0) {
        return -1;
    }
    if (size > 0) {
        memcpy(reader->buffer.bytes + reader->buffer.raw_end, bytes, size);
    }
    record_buffer_received(&reader->buffer, size);
    return 0;
}

uint8_t *record_reader_room(struct record_reader *reader, size_t *ret_size) {
    return record_buffer_room(&reader->buffer, ret_size);
}

void record_reader_received(struct record_reader *reader, size_t size) {
    record_buffer_received(&reader->buffer, size);
}

/* ---- Records ---- */

static int add_reply(struct record_reader *reader, const void *record, size_t size) {
    if (size > sizeof reader->replies - reader->reply_bytes) {
        return -1;
    }
    memcpy(reader->replies + reader->reply_bytes, record, size);
    reader->reply_bytes += size;
    return 0;
}

static int reply_end(struct record_reader *reader, uint16_t id, uint8_t protocol_status) {
    uint8_t record[RECORD_END_REQUEST_BYTES];
    record_encode_end_request(record, id, 0, protocol_status);
    return add_reply(reader, record, sizeof record);
}

/* §4: id 0.  The whole record is in the buffer if it is FCGI_GET_VALUES. */
static int answer_management(struct record_reader *reader, const struct record_header *header,
                             const uint8_t *content) {
    if (header->type == FCGI_GET_VALUES) {
        uint8_t values[RECORD_VALUES_BYTES];
        size_t size =
            record_encode_values(values, content, header->content_bytes, &reader->limits->values);
        return size == 0 ? -1 : add_reply(reader, values, size);
    }
    if (header->type == FCGI_UNKNOWN_TYPE) {
        return 0; /* unsolicited; replying could loop */
    }
    uint8_t unknown[RECORD_UNKNOWN_TYPE_BYTES];
    record_encode_unknown_type(unknown, header->type);
    return add_reply(reader, unknown, sizeof unknown);
}

/* §5.1.  The record is in the buffer; READER_MORE: go on with the next record. */
static enum reader_event begin_request(struct record_reader *reader,
                                       const struct record_header *header, const uint8_t *content) {
    if (reader->phase != READER_IDLE) {
        if (header->id == reader->id || reply_end(reader, header->id, FCGI_CANT_MPX_CONN) < 0) {
            return fail_reading(reader);
        }
        return READER_MORE;
    }
    int role = content[0] << 8 | content[1];
    bool keep = content[2] & FCGI_KEEP_CONN;
    if (role != FCGI_RESPONDER && role != FCGI_AUTHORIZER) {
        if (reply_end(reader, header->id, FCGI_UNKNOWN_ROLE) < 0) {
            return fail_reading(reader);
        }
        return keep ? READER_MORE : READER_REFUSED;
    }
    reader->phase = READER_PARAMS;
    reader->id = header->id;
    reader->role = (enum request_role)role;
    reader->keep_connection = keep;
    return READER_MORE;
}

/* The empty record that ends FCGI_PARAMS. */
static enum reader_event end_params(struct record_reader *reader) {
    const struct record_buffer *buffer = &reader->buffer;
    if (reader_params_parse(&reader->params, buffer->bytes + buffer->params_begin,
                            buffer->bytes + buffer->params_end) < 0) {
        return fail_reading(reader);
    }
    /* §6.3: an authorizer gets no FCGI_STDIN; if one comes nevertheless it is skipped. */
    if (reader->role == ROLE_AUTHORIZER) {
        reader->params.content_length = 0;
    }
    reader->phase = reader->role == ROLE_AUTHORIZER ? READER_ENDED : READER_STDIN;
    return READER_HEADER;
}

/* A record of the active request but FCGI_BEGIN_REQUEST. */
static enum reader_event take_own_record(struct record_reader *reader,
                                         const struct record_header *header) {
    switch (header->type) {
    case FCGI_PARAMS:
        if (reader->phase == READER_STDIN) {
            return fail_reading(reader);
        }
        if (reader->phase == READER_ENDED) {
            return READER_MORE; /* sent before the web server aborted the request */
        }
        reader->content_is = CONTENT_PARAMS;
        return header->content_bytes == 0 ? end_params(reader) : READER_MORE;
    case FCGI_STDIN:
        if (reader->phase == READER_PARAMS) {
            return fail_reading(reader);
        }
        if (reader->phase == READER_STDIN) {
            reader->content_is = CONTENT_STDIN;
            if (header->content_bytes == 0) {
                reader->phase = READER_ENDED;
                return READER_END;
            }
        }
        return READER_MORE;
    case FCGI_ABORT_REQUEST: /* §5.4 */
        reader->phase = READER_ENDED;
        reader->is_aborted = true;
        return READER_ABORT;
    default: /* FCGI_DATA is for filters; the others are ours to send */
        return READER_MORE;
    }
}

/* Whether the reader needs the whole record at once. */
static bool is_taken_whole(const struct record_header *header) {
    return header->type == FCGI_BEGIN_REQUEST ||
           (header->type == FCGI_GET_VALUES && header->id == FCGI_NULL_REQUEST_ID);
}

/* Start on the next record. @return READER_MORE with content_left 0 and *ret_starved when the
 * header, or a record that is needed as a whole, is incomplete */
static enum reader_event next_record(struct record_reader *reader, bool *ret_starved) {
    struct record_header header;
    const uint8_t *raw = reader->buffer.bytes + reader->buffer.raw_begin;
    *ret_starved = record_buffer_raw_bytes(&reader->buffer) < RECORD_HEADER_BYTES;
    if (*ret_starved) {
        return READER_MORE;
    }
    record_decode_header(raw, &header);
    if (header.version != FCGI_VERSION_1) {
        return fail_reading(reader);
    }
    bool whole = is_taken_whole(&header);
    bool begins = header.type == FCGI_BEGIN_REQUEST && header.id != FCGI_NULL_REQUEST_ID;
    if (begins && reader->phase == READER_ENDED) {
        return READER_END; /* the next request: it waits where it is */
    }
    if (header.type == FCGI_BEGIN_REQUEST && !begins) {
        return fail_reading(reader); /* §3.3: the null request id is not for requests */
    }
    if ((begins && header.content_bytes != sizeof(FCGI_BeginRequestBody)) ||
        (whole && header.content_bytes > READER_MANAGEMENT_BYTES)) {
        return fail_reading(reader);
    }
    /* FCGI_STDIN ends with the padding of its last record: closing the connection before the
     * padding has come would reset it. */
    bool ends_stdin = header.type == FCGI_STDIN && header.content_bytes == 0;
    size_t needed = RECORD_HEADER_BYTES + (whole ? header.content_bytes : 0u) +
                    (ends_stdin ? header.padding_bytes : 0u);
    *ret_starved = record_buffer_raw_bytes(&reader->buffer) < needed;
    if (*ret_starved) {
        return READER_MORE;
    }
    reader->content_is = CONTENT_SKIP;
    reader->content_left = whole ? 0 : header.content_bytes;
    reader->padding_left = ends_stdin ? 0 : header.padding_bytes;
    enum reader_event event = READER_MORE;
    if (header.id == FCGI_NULL_REQUEST_ID) {
        event = answer_management(reader, &header, raw + RECORD_HEADER_BYTES) < 0
                    ? fail_reading(reader)
                    : READER_MORE;
    } else if (begins) {
        event = begin_request(reader, &header, raw + RECORD_HEADER_BYTES);
    } else if (reader->phase != READER_IDLE && header.id == reader->id) {
        event = take_own_record(reader, &header);
    }
    record_buffer_skip(&reader->buffer, needed);
    return event;
}

/* Content of FCGI_PARAMS joins the params that have come before. */
static int take_params(struct record_reader *reader, size_t size) {
    struct record_buffer *buffer = &reader->buffer;
    if (size > reader->limits->max_header_bytes - (buffer->params_end - buffer->params_begin)) {
        return -1;
    }
    record_buffer_add_params(buffer, size);
    return 0;
}

static size_t content_here(const struct record_reader *reader) {
    size_t raw = record_buffer_raw_bytes(&reader->buffer);
    return raw < reader->content_left ? raw : reader->content_left;
}

/* Of `size` bytes of FCGI_STDIN, those within CONTENT_LENGTH. */
static size_t within_length(const struct record_reader *reader, size_t size) {
    if (reader->params.content_length < 0) {
        return size;
    }
    uint64_t left = (uint64_t)reader->params.content_length - reader->body_received;
    return size < left ? size : (size_t)left;
}

/* Content and padding of the record; READER_MORE: used up, or more bytes are needed. */
static enum reader_event next_content(struct record_reader *reader) {
    while (reader->content_left > 0 && record_buffer_raw_bytes(&reader->buffer) > 0) {
        size_t here = content_here(reader);
        if (reader->content_is == CONTENT_STDIN && within_length(reader, here) > 0) {
            return READER_BODY;
        }
        if (reader->content_is == CONTENT_PARAMS && take_params(reader, here) < 0) {
            return fail_reading(reader);
        }
        reader->content_left -= (uint16_t)here;
        record_buffer_skip(&reader->buffer, here);
    }
    if (reader->content_left == 0 && reader->padding_left > 0) {
        size_t raw = record_buffer_raw_bytes(&reader->buffer);
        size_t here = raw < reader->padding_left ? raw : reader->padding_left;
        reader->padding_left -= (uint8_t)here;
        record_buffer_skip(&reader->buffer, here);
    }
    return READER_MORE;
}

enum reader_event record_reader_next(struct record_reader *reader) {
    if (reader->is_broken) {
        return READER_ERROR;
    }
    for (;;) {
        enum reader_event event = next_content(reader);
        if (event != READER_MORE) {
            return event;
        }
        bool starved = reader->content_left > 0 || reader->padding_left > 0;
        if (!starved) {
            event = next_record(reader, &starved);
            if (event != READER_MORE) {
                return event;
            }
        }
        if (starved) {
            return reader->phase == READER_ENDED ? READER_END : READER_MORE;
        }
    }
}

const uint8_t *record_reader_body(const struct record_reader *reader, size_t *ret_size) {
    *ret_size = within_length(reader, content_here(reader));
    return reader->buffer.bytes + reader->buffer.raw_begin;
}

void record_reader_keep(struct record_reader *reader) {
    size_t size = within_length(reader, content_here(reader));
    record_buffer_add_body(&reader->buffer, size);
    record_reader_drop(reader, size);
}

size_t record_reader_take_kept(struct record_reader *reader, void *to, size_t size) {
    return record_buffer_take_body(&reader->buffer, to, size);
}

void record_reader_drop(struct record_reader *reader, size_t size) {
    assert(size <= reader->content_left);
    reader->content_left -= (uint16_t)size;
    reader->body_received += size;
    record_buffer_skip(&reader->buffer, size);
}

size_t record_reader_direct_bytes(const struct record_reader *reader) {
    if (record_buffer_raw_bytes(&reader->buffer) > 0 || reader->content_is != CONTENT_STDIN ||
        reader->is_broken) {
        return 0;
    }
    return within_length(reader, reader->content_left);
}

void record_reader_took_direct(struct record_reader *reader, size_t size) {
    assert(size <= record_reader_direct_bytes(reader));
    reader->content_left -= (uint16_t)size;
    reader->body_received += size;
}

bool record_reader_body_is_complete(const struct record_reader *reader) {
    return reader->phase == READER_ENDED ||
           (reader->phase == READER_STDIN && reader->params.content_length >= 0 &&
            reader->body_received == (uint64_t)reader->params.content_length);
}

bool record_reader_has_raw(const struct record_reader *reader) {
    return record_buffer_raw_bytes(&reader->buffer) > 0;
}

bool record_reader_is_idle(const struct record_reader *reader) {
    return reader->phase == READER_IDLE && !record_reader_has_raw(reader) &&
           reader->content_left == 0;
}

void record_reader_discard_raw(struct record_reader *reader) {
    reader->buffer.raw_begin = reader->buffer.raw_end;
}
