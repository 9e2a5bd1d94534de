#include "fcgi_host/fastcgi/record_writer.h"

#include <assert.h>
#include <string.h>

/* A full record, header included: it determines the place of every header in the stream. */
enum { RECORD_BYTES = RECORD_HEADER_BYTES + RECORD_SEND_BYTES };

void record_writer_start(struct record_writer *writer, uint8_t type, uint16_t id,
                         const struct iovec *parts, int part_count) {
    assert(!record_writer_is_pending(writer));
    assert(part_count >= 0 && part_count <= WRITER_PARTS);
    writer->part_count = part_count;
    writer->type = type;
    writer->id = id;
    writer->content = 0;
    for (int i = 0; i < part_count; i++) {
        writer->parts[i] = parts[i];
        writer->content += parts[i].iov_len;
    }
    size_t records = (writer->content + RECORD_SEND_BYTES - 1) / RECORD_SEND_BYTES;
    writer->stream_bytes = writer->content + records * RECORD_HEADER_BYTES;
    writer->sent = 0;
    writer->trailer_bytes = 0;
}

void record_writer_reset(struct record_writer *writer) {
    writer->stream_bytes = writer->sent = writer->trailer_bytes = 0;
}

static uint8_t *add_trailer(struct record_writer *writer, size_t bytes) {
    assert(writer->trailer_bytes + bytes <= sizeof writer->trailer);
    uint8_t *place = writer->trailer + writer->trailer_bytes;
    writer->trailer_bytes += bytes;
    writer->stream_bytes += bytes;
    return place;
}

void record_writer_add_end_of_stream(struct record_writer *writer, uint8_t type) {
    record_encode_header(add_trailer(writer, RECORD_HEADER_BYTES), type, writer->id, 0);
}

void record_writer_add_end_request(struct record_writer *writer, uint32_t app_status,
                                   uint8_t protocol_status) {
    record_encode_end_request(add_trailer(writer, RECORD_END_REQUEST_BYTES), writer->id, app_status,
                              protocol_status);
}

static void add_vector(struct writer_vectors *vectors, const void *bytes, size_t size) {
    vectors->items[vectors->count++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = size};
}

/* Content from `offset` on, at most `size` bytes. @return bytes added; fewer when vectors is full
 */
static size_t add_content(const struct record_writer *writer, size_t offset, size_t size,
                          struct writer_vectors *vectors) {
    size_t added = 0;
    for (int i = 0; i < writer->part_count && added < size; i++) {
        size_t length = writer->parts[i].iov_len;
        if (offset >= length) {
            offset -= length;
            continue;
        }
        if (vectors->count == WRITER_VECTORS) {
            break;
        }
        size_t take = length - offset < size - added ? length - offset : size - added;
        add_vector(vectors, (const uint8_t *)writer->parts[i].iov_base + offset, take);
        added += take;
        offset = 0;
    }
    return added;
}

void record_writer_fill(const struct record_writer *writer, struct writer_vectors *vectors) {
    size_t content_stream = writer->stream_bytes - writer->trailer_bytes;
    size_t position = writer->sent;
    int headers = 0;
    while (position < content_stream) {
        if (vectors->count >= WRITER_VECTORS - 1 || headers == WRITER_HEADERS) {
            return;
        }
        size_t start = position / RECORD_BYTES * RECORD_SEND_BYTES; /* of the record's content */
        size_t in_record = position % RECORD_BYTES;
        size_t length = writer->content - start;
        length = length < RECORD_SEND_BYTES ? length : RECORD_SEND_BYTES;
        if (in_record < RECORD_HEADER_BYTES) {
            uint8_t *header = vectors->headers[headers++];
            record_encode_header(header, writer->type, writer->id, (uint16_t)length);
            add_vector(vectors, header + in_record, RECORD_HEADER_BYTES - in_record);
            position += RECORD_HEADER_BYTES - in_record;
            in_record = RECORD_HEADER_BYTES;
        }
        size_t done = in_record - RECORD_HEADER_BYTES;
        size_t added = add_content(writer, start + done, length - done, vectors);
        position += added;
        if (added < length - done) {
            return;
        }
    }
    if (position < writer->stream_bytes && vectors->count < WRITER_VECTORS) {
        size_t done = position - content_stream;
        add_vector(vectors, writer->trailer + done, writer->trailer_bytes - done);
    }
}

void record_writer_sent(struct record_writer *writer, size_t bytes) {
    writer->sent += bytes;
    assert(writer->sent <= writer->stream_bytes);
}

void record_writer_cut(struct record_writer *writer) {
    size_t content_stream = writer->stream_bytes - writer->trailer_bytes;
    if (writer->sent > content_stream) {
        return;
    }
    size_t records = (writer->sent + RECORD_BYTES - 1) / RECORD_BYTES;
    if (records * RECORD_SEND_BYTES < writer->content) {
        writer->content = records * RECORD_SEND_BYTES;
    }
    writer->trailer_bytes = 0;
    writer->stream_bytes = writer->content + records * RECORD_HEADER_BYTES;
}

bool record_writer_is_pending(const struct record_writer *writer) {
    return writer->sent < writer->stream_bytes;
}

bool record_writer_is_between_records(const struct record_writer *writer) {
    return !record_writer_is_pending(writer) || writer->sent == 0;
}
