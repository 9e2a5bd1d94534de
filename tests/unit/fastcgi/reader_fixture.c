/* Bytes as a web server would send them, written from FastCGI 1.0 §3.3-§3.4, §4, §5, §6. */
#include "tests/unit/fastcgi/reader_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

const struct reader_limits g_limits = {{100, 20}, 4096};

const char g_params[] = "\x0e\x01"
                        "CONTENT_LENGTH5"
                        "\x0e\x04REQUEST_METHODPOST";

struct record_reader g_reader;
struct web_bytes g_sent;

void reader_setup(void) {
    cr_assert_eq(record_reader_init(&g_reader, &g_limits), 0);
}

void reader_teardown(void) {
    record_reader_destroy(&g_reader);
    web_free(&g_sent);
}

void post(struct web_bytes *sent, uint16_t id) {
    web_begin(sent, id, 1, 1);
    web_record(sent, 4, id, g_params, POST_PARAMS_BYTES, 3);
    web_record(sent, 4, id, NULL, 0, 0);
    web_record(sent, 5, id, text("hello"), 3);
    web_record(sent, 5, id, NULL, 0, 0);
}

void look(struct record_reader *reader, struct seen *seen) {
    for (;;) {
        enum reader_event event = record_reader_next(reader);
        size_t size;
        const uint8_t *bytes;
        if (event == READER_MORE) {
            return;
        }
        seen->last = event;
        switch (event) {
        case READER_HEADER:
            seen->headers++;
            break;
        case READER_BODY:
            bytes = record_reader_body(reader, &size);
            cr_assert_leq(seen->body_bytes + size, sizeof seen->body);
            memcpy(seen->body + seen->body_bytes, bytes, size);
            seen->body_bytes += size;
            record_reader_drop(reader, size);
            break;
        case READER_END:
            seen->ends++;
            return;
        default:
            return;
        }
    }
}

struct seen feed(struct record_reader *reader, const struct web_bytes *sent, size_t piece) {
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    seen.last = READER_MORE;
    for (size_t at = 0; at < sent->size; at += piece) {
        size_t size = sent->size - at < piece ? sent->size - at : piece;
        cr_assert_eq(record_reader_append(reader, sent->bytes + at, size), 0);
        look(reader, &seen);
    }
    return seen;
}
