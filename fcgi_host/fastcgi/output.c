#include "fcgi_host/fastcgi/output.h"

#include <assert.h>
#include <string.h>

/* A full record, header included; the place of every header in the stream follows from it. */
enum { RECORD_BYTES = RECORD_HEADER_BYTES + RECORD_SEND_BYTES };

void output_start(struct output *output, uint8_t type, uint16_t id, const struct iovec *parts,
                  int part_count) {
    assert(!output_is_pending(output));
    assert(part_count >= 0 && part_count <= REQUEST_SEND_PARTS);
    output->part_count = part_count;
    output->type = type;
    output->id = id;
    output->content = 0;
    for (int i = 0; i < part_count; i++) {
        output->parts[i] = parts[i];
        output->content += parts[i].iov_len;
    }
    size_t records = (output->content + RECORD_SEND_BYTES - 1) / RECORD_SEND_BYTES;
    output->stream_bytes = output->content + records * RECORD_HEADER_BYTES;
    output->sent = 0;
    output->trailer_bytes = 0;
}

static uint8_t *add_trailer(struct output *output, size_t bytes) {
    assert(output->trailer_bytes + bytes <= sizeof output->trailer);
    uint8_t *place = output->trailer + output->trailer_bytes;
    output->trailer_bytes += bytes;
    output->stream_bytes += bytes;
    return place;
}

void output_add_end_of_stream(struct output *output, uint8_t type) {
    record_encode_header(add_trailer(output, RECORD_HEADER_BYTES), type, output->id, 0);
}

void output_add_end_request(struct output *output, uint32_t app_status, uint8_t protocol_status) {
    record_encode_end_request(add_trailer(output, RECORD_END_REQUEST_BYTES), output->id, app_status,
                              protocol_status);
}

static void add(struct output_vectors *vectors, const void *bytes, size_t size) {
    vectors->items[vectors->count++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = size};
}

/* Content from `offset` on, at most `size` bytes. @return bytes added; fewer when vectors is full
 */
static size_t add_content(const struct output *output, size_t offset, size_t size,
                          struct output_vectors *vectors) {
    size_t added = 0;
    for (int i = 0; i < output->part_count && added < size; i++) {
        size_t length = output->parts[i].iov_len;
        if (offset >= length) {
            offset -= length;
            continue;
        }
        if (vectors->count == OUTPUT_VECTORS) {
            break;
        }
        size_t take = length - offset < size - added ? length - offset : size - added;
        add(vectors, (const uint8_t *)output->parts[i].iov_base + offset, take);
        added += take;
        offset = 0;
    }
    return added;
}

void output_fill(const struct output *output, struct output_vectors *vectors) {
    size_t content_stream = output->stream_bytes - output->trailer_bytes;
    size_t position = output->sent;
    int headers = 0;
    while (position < content_stream) {
        if (vectors->count >= OUTPUT_VECTORS - 1 || headers == OUTPUT_HEADERS) {
            return;
        }
        size_t start = position / RECORD_BYTES * RECORD_SEND_BYTES; /* of the record's content */
        size_t in_record = position % RECORD_BYTES;
        size_t length = output->content - start;
        length = length < RECORD_SEND_BYTES ? length : RECORD_SEND_BYTES;
        if (in_record < RECORD_HEADER_BYTES) {
            uint8_t *header = vectors->headers[headers++];
            record_encode_header(header, output->type, output->id, (uint16_t)length);
            add(vectors, header + in_record, RECORD_HEADER_BYTES - in_record);
            position += RECORD_HEADER_BYTES - in_record;
            in_record = RECORD_HEADER_BYTES;
        }
        size_t done = in_record - RECORD_HEADER_BYTES;
        size_t added = add_content(output, start + done, length - done, vectors);
        position += added;
        if (added < length - done) {
            return;
        }
    }
    if (position < output->stream_bytes && vectors->count < OUTPUT_VECTORS) {
        size_t done = position - content_stream;
        add(vectors, output->trailer + done, output->trailer_bytes - done);
    }
}

void output_sent(struct output *output, size_t bytes) {
    output->sent += bytes;
    assert(output->sent <= output->stream_bytes);
}

void output_cut(struct output *output) {
    size_t content_stream = output->stream_bytes - output->trailer_bytes;
    if (output->sent > content_stream) {
        return;
    }
    size_t records = (output->sent + RECORD_BYTES - 1) / RECORD_BYTES;
    if (records * RECORD_SEND_BYTES < output->content) {
        output->content = records * RECORD_SEND_BYTES;
    }
    output->trailer_bytes = 0;
    output->stream_bytes = output->content + records * RECORD_HEADER_BYTES;
}

bool output_is_pending(const struct output *output) {
    return output->sent < output->stream_bytes;
}

bool output_is_between_records(const struct output *output) {
    return !output_is_pending(output) || output->sent == 0;
}
