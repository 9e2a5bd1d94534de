/* A request goes on in another reader, wherever the first one was. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fastcgi/reader_fixture.h"

TestSuite(record_reader_unread, .init = reader_setup, .fini = reader_teardown);

/** Read on, keeping the body, up to a lack of bytes or the end of the request. */
static void read_on(struct record_reader *reader) {
    for (;;) {
        switch (record_reader_next(reader)) {
        case READER_HEADER:
            break;
        case READER_BODY:
            record_reader_keep(reader);
            break;
        default:
            return;
        }
    }
}

static void append(struct record_reader *reader, const uint8_t *bytes, size_t size) {
    cr_assert_eq(record_reader_append(reader, bytes, size), 0);
    read_on(reader);
}

/** Let `g_reader` have the first bytes and another reader what it unreads, then the rest. */
static void pass_on_after(size_t first, struct record_reader *ret_other) {
    size_t size;
    record_reader_restart(&g_reader);
    append(&g_reader, g_sent.bytes, first);
    cr_assert(record_reader_can_unread(&g_reader));
    uint8_t *bytes = record_reader_unread(&g_reader, &size);
    cr_assert_eq(record_reader_init(ret_other, &g_limits), 0);
    append(ret_other, bytes, size);
    free(bytes);
    append(ret_other, g_sent.bytes + first, g_sent.size - first);
}

static void assert_is_the_post(struct record_reader *reader, const char *want) {
    char body[1000];
    cr_assert_eq(reader->phase, READER_ENDED);
    cr_assert_eq(reader->id, 7);
    cr_assert(reader->keep_connection);
    cr_assert_eq(reader->params.content_length, (int64_t)strlen(want));
    cr_assert_not_null(
        params_find(reader->params.items, reader->params.count, "REQUEST_METHOD", 14));
    size_t size = record_reader_take_kept(reader, body, sizeof body);
    cr_assert_eq(size, strlen(want));
    cr_assert_eq(memcmp(body, want, size), 0);
}

Test(record_reader_unread, a_request_may_be_cut_anywhere) {
    web_record(&g_sent, 11, 0, NULL, 0, 5); /* FCGI_UNKNOWN_TYPE, which needs no reply */
    post(&g_sent, 7);
    for (size_t first = 0; first <= g_sent.size; first++) {
        struct record_reader other;
        pass_on_after(first, &other);
        assert_is_the_post(&other, "hello");
        record_reader_destroy(&other);
    }
}

Test(record_reader_unread, params_and_body_in_many_records_with_padding) {
    web_begin(&g_sent, 7, 1, 1);
    for (size_t at = 0; at < POST_PARAMS_BYTES; at += 10) {
        size_t size = POST_PARAMS_BYTES - at < 10 ? POST_PARAMS_BYTES - at : 10;
        web_record(&g_sent, 4, 7, g_params + at, size, 6);
    }
    web_record(&g_sent, 4, 7, NULL, 0, 4);
    web_record(&g_sent, 5, 7, "hel", 3, 5);
    web_record(&g_sent, 8, 7, "data for a filter", 17, 7);
    web_record(&g_sent, 5, 7, "lo", 2, 6);
    web_record(&g_sent, 5, 7, NULL, 0, 8);
    for (size_t first = 0; first <= g_sent.size; first++) {
        struct record_reader other;
        pass_on_after(first, &other);
        assert_is_the_post(&other, "hello");
        record_reader_destroy(&other);
    }
}

Test(record_reader_unread, the_next_request_behind_it_is_not_lost) {
    post(&g_sent, 7);
    post(&g_sent, 8);
    for (size_t first = 0; first <= g_sent.size; first++) {
        struct record_reader other;
        pass_on_after(first, &other);
        assert_is_the_post(&other, "hello");
        record_reader_reset(&other);
        read_on(&other);
        cr_assert_eq(other.phase, READER_ENDED);
        cr_assert_eq(other.id, 8);
        record_reader_destroy(&other);
    }
}

Test(record_reader_unread, an_authorizer_has_no_body) {
    web_begin(&g_sent, 7, 2, 1);
    web_record(&g_sent, 4, 7, g_params, POST_PARAMS_BYTES, 3);
    web_record(&g_sent, 4, 7, NULL, 0, 0);
    for (size_t first = 0; first <= g_sent.size; first++) {
        struct record_reader other;
        pass_on_after(first, &other);
        cr_assert_eq(other.phase, READER_ENDED);
        cr_assert_eq(other.role, ROLE_AUTHORIZER);
        record_reader_destroy(&other);
    }
}

Test(record_reader_unread, a_stream_longer_than_a_record_has_several) {
    static const struct reader_limits s_limits = {{100, 20}, 300000};
    enum { BYTES = 200000 };
    struct record_reader first, other;
    size_t size;
    char *value = calloc(1, BYTES);
    cr_assert_eq(record_reader_init(&first, &s_limits), 0);
    cr_assert_eq(record_reader_init(&other, &s_limits), 0);
    uint8_t lengths[] = {1, 0x80, BYTES >> 16, (BYTES >> 8) & 0xff, BYTES & 0xff, 'A'};
    web_begin(&g_sent, 7, 1, 0);
    web_record(&g_sent, 4, 7, lengths, sizeof lengths, 0);
    for (size_t at = 0; at < BYTES; at += 50000) {
        web_record(&g_sent, 4, 7, value + at, 50000, 0);
    }
    web_record(&g_sent, 4, 7, NULL, 0, 0);
    append(&first, g_sent.bytes, g_sent.size);
    uint8_t *bytes = record_reader_unread(&first, &size);
    append(&other, bytes, size);
    cr_assert_eq(other.phase, READER_STDIN);
    cr_assert_eq(other.params.count, 1);
    cr_assert_eq(other.params.items[0].value_bytes, BYTES);
    cr_assert_not(other.keep_connection);
    free(bytes);
    free(value);
    record_reader_destroy(&first);
    record_reader_destroy(&other);
}

Test(record_reader_unread, what_was_answered_or_given_away_cannot_be) {
    web_record(&g_sent, 9, 0, "\x0f\0FCGI_MPXS_CONNS", 17, 0);
    append(&g_reader, g_sent.bytes, g_sent.size);
    cr_assert_not(record_reader_can_unread(&g_reader), "a reply waits");
    g_reader.reply_bytes = 0;
    cr_assert(record_reader_can_unread(&g_reader));
    g_sent.size = 0;
    post(&g_sent, 7);
    append(&g_reader, g_sent.bytes, g_sent.size);
    cr_assert(record_reader_can_unread(&g_reader));
    char body[2];
    record_reader_take_kept(&g_reader, body, sizeof body);
    cr_assert_not(record_reader_can_unread(&g_reader), "some of the body was read");
}
