/*
 * Any bytes, received in any pieces, through the state machine of a connection: nothing is read or
 * written outside its buffer, limits hold, and the way the bytes are cut into pieces makes no
 * difference to what the application sees.
 *
 * The input: a first byte that seeds the cutting, then what the peer sends.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/record_reader.h"

enum { MAX_HEADER = 3000, MAX_SEEN = 1 << 20 };
static const struct reader_limits s_limits = {{10, 10}, MAX_HEADER};

/* What an application would see, as one string of bytes, and what the web server is answered. */
struct seen {
    uint8_t *bytes;
    size_t size;
    uint8_t *replies;
    size_t reply_size;
    bool has_many_replies; /* so many in one piece that the limit may have ended it */
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void see(struct seen *seen, const void *bytes, size_t size) {
    require(seen->size + size <= MAX_SEEN);
    if (size > 0) {
        memcpy(seen->bytes + seen->size, bytes, size);
        seen->size += size;
    }
}

static void see_replies(struct seen *seen, struct record_reader *reader) {
    require(reader->reply_bytes <= sizeof reader->replies);
    require(seen->reply_size + reader->reply_bytes <= MAX_SEEN);
    memcpy(seen->replies + seen->reply_size, reader->replies, reader->reply_bytes);
    seen->reply_size += reader->reply_bytes;
    seen->has_many_replies =
        seen->has_many_replies || reader->reply_bytes + RECORD_VALUES_BYTES > READER_REPLY_BYTES;
    reader->reply_bytes = 0;
}

static void see_header(struct seen *seen, const struct record_reader *reader) {
    size_t params = 0;
    see(seen, "H", 1);
    for (size_t i = 0; i < reader->params.count; i++) {
        const struct param *param = &reader->params.items[i];
        see(seen, param->name, param->name_bytes);
        see(seen, "=", 1);
        see(seen, param->value, param->value_bytes);
        see(seen, ";", 1);
        params += param->name_bytes + param->value_bytes;
    }
    require(params <= MAX_HEADER);
}

static void check(const struct record_reader *reader) {
    require(reader->buffer.params_begin <= reader->buffer.params_end);
    require(reader->buffer.params_end <= reader->buffer.body_begin ||
            reader->buffer.body_begin == reader->buffer.body_end);
    require(reader->buffer.body_begin <= reader->buffer.body_end);
    require(reader->buffer.raw_begin <= reader->buffer.raw_end &&
            reader->buffer.raw_end <= reader->buffer.capacity);
    require(reader->params.content_length < 0 ||
            reader->body_received <= (uint64_t)reader->params.content_length);
}

/* Keep some body bytes in the buffer, drop the others, as the intake and serving threads do. */
static void take_body(struct seen *seen, struct record_reader *reader, bool keeps) {
    size_t size;
    const uint8_t *bytes = record_reader_body(reader, &size);
    require(size > 0);
    see(seen, bytes, size);
    if (keeps) {
        record_reader_keep(reader);
    } else {
        record_reader_drop(reader, size);
    }
}

/* Everything up to the next lack of bytes. @return false when the connection would be closed */
static bool step(struct seen *seen, struct record_reader *reader, bool keeps) {
    for (;;) {
        enum reader_event event = record_reader_next(reader);
        check(reader);
        see_replies(seen, reader);
        switch (event) {
        case READER_MORE:
            return true;
        case READER_HEADER:
            see_header(seen, reader);
            if (reader->phase == READER_ENDED) {
                record_reader_reset(reader);
            }
            break;
        case READER_BODY:
            take_body(seen, reader, keeps);
            break;
        case READER_ABORT:
            see(seen, "A", 1);
            record_reader_reset(reader);
            break;
        case READER_END:
            see(seen, "E", 1);
            record_reader_reset(reader);
            break;
        case READER_REFUSED:
        case READER_ERROR:
            see(seen, event == READER_ERROR ? "!" : "R", 1);
            return false;
        }
    }
}

static void run(struct seen *seen, const uint8_t *data, size_t size, unsigned seed) {
    struct record_reader reader;
    require(record_reader_init(&reader, &s_limits) == 0);
    bool keeps = seed & 1;
    for (size_t at = 0; at < size;) {
        seed = seed * 1103515245u + 12345u;
        size_t piece = seed == 0 ? size : 1 + (seed >> 16) % 97;
        piece = piece < size - at ? piece : size - at;
        require(record_reader_append(&reader, data + at, piece) == 0);
        at += piece;
        if (!step(seen, &reader, keeps)) {
            break;
        }
    }
    record_reader_destroy(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t s_bytes[4][MAX_SEEN];
    if (size < 1 || size > 100000) {
        return 0;
    }
    struct seen first = {.bytes = s_bytes[0], .replies = s_bytes[1]};
    struct seen second = {.bytes = s_bytes[2], .replies = s_bytes[3]};
    run(&first, data + 1, size - 1, data[0]);
    run(&second, data + 1, size - 1, data[0] + 1000003u);
    if (!first.has_many_replies && !second.has_many_replies) {
        require(first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0);
        require(first.reply_size == second.reply_size &&
                memcmp(first.replies, second.replies, first.reply_size) == 0);
    }
    return 0;
}
