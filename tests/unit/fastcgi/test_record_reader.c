/* What is fed is written from FastCGI 1.0 §3.3-§3.4, §4, §5, §6. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fastcgi/reader_fixture.h"

static void assert_param(const struct record_reader *reader, size_t i, const char *name,
                         const char *value) {
    cr_assert_lt(i, reader->params.count);
    const struct param *param = &reader->params.items[i];
    cr_assert_eq(param->name_bytes, strlen(name));
    cr_assert_arr_eq(param->name, name, strlen(name));
    cr_assert_eq(param->value_bytes, strlen(value));
    cr_assert_arr_eq(param->value, value, strlen(value));
}

TestSuite(record_reader, .init = reader_setup, .fini = reader_teardown);

Test(record_reader, request_is_understood_however_it_is_cut_into_pieces) {
    post(&g_sent, 0x0203);
    for (size_t piece = 1; piece <= g_sent.size; piece++) {
        struct seen seen = feed(&g_reader, &g_sent, piece);
        cr_assert_eq(seen.headers, 1, "piece %zu", piece);
        cr_assert_eq(seen.last, READER_END);
        cr_assert_eq(seen.body_bytes, 5);
        cr_assert_arr_eq(seen.body, "hello", 5);
        cr_assert_eq(g_reader.id, 0x0203);
        cr_assert_eq(g_reader.role, ROLE_RESPONDER);
        cr_assert(g_reader.keep_connection);
        cr_assert_eq(g_reader.params.content_length, 5);
        cr_assert_eq(g_reader.params.count, 2);
        assert_param(&g_reader, 0, "CONTENT_LENGTH", "5");
        assert_param(&g_reader, 1, "REQUEST_METHOD", "POST");
        record_reader_reset(&g_reader);
    }
}

Test(record_reader, params_split_over_records_at_any_byte_are_joined) {
    for (size_t split = 1; split < POST_PARAMS_BYTES; split++) {
        g_sent.size = 0;
        web_begin(&g_sent, 1, 1, 0);
        web_record(&g_sent, 4, 1, g_params, split, 5);
        web_record(&g_sent, 4, 1, g_params + split, POST_PARAMS_BYTES - split, 2);
        web_record(&g_sent, 4, 1, NULL, 0, 8);
        struct seen seen = feed(&g_reader, &g_sent, 11);
        cr_assert_eq(seen.headers, 1);
        assert_param(&g_reader, 0, "CONTENT_LENGTH", "5");
        assert_param(&g_reader, 1, "REQUEST_METHOD", "POST");
        record_reader_reset(&g_reader);
    }
}

Test(record_reader, params_and_body_in_one_record_each_are_not_moved) {
    post(&g_sent, 1);
    cr_assert_eq(record_reader_append(&g_reader, g_sent.bytes, g_sent.size), 0);
    cr_assert_eq(record_reader_next(&g_reader), READER_HEADER);
    cr_assert_eq(g_reader.buffer.params_begin, 16 + 8, "right behind BEGIN_REQUEST and a header");
    cr_assert_eq(record_reader_next(&g_reader), READER_BODY);
    record_reader_keep(&g_reader);
    cr_assert_eq(g_reader.buffer.body_begin, g_reader.buffer.params_end + 3 + 8 + 8);
    cr_assert_eq(record_reader_next(&g_reader), READER_END);
}

Test(record_reader, kept_body_is_contiguous_and_params_stay_right_when_the_buffer_grows) {
    char body[3000];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char)(i % 251);
    }
    web_begin(&g_sent, 1, 1, 0);
    web_record(&g_sent, 4, 1,
               text("\x0e\x05"
                    "CONTENT_LENGTH30000"),
               0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    for (int i = 0; i < 10; i++) {
        web_record(&g_sent, 5, 1, body, sizeof body, (uint8_t)i);
    }
    for (size_t at = 0; at < g_sent.size; at += 700) {
        size_t size = g_sent.size - at < 700 ? g_sent.size - at : 700;
        cr_assert_eq(record_reader_append(&g_reader, g_sent.bytes + at, size), 0);
        enum reader_event event;
        while ((event = record_reader_next(&g_reader)) != READER_MORE) {
            cr_assert(event == READER_HEADER || event == READER_BODY);
            if (event == READER_BODY) {
                record_reader_keep(&g_reader);
            }
        }
    }
    cr_assert(record_reader_body_is_complete(&g_reader));
    cr_assert_eq(g_reader.buffer.body_end - g_reader.buffer.body_begin, 30000);
    for (size_t i = 0; i < 10; i++) {
        cr_assert_arr_eq(g_reader.buffer.bytes + g_reader.buffer.body_begin + i * sizeof body, body,
                         sizeof body);
    }
    assert_param(&g_reader, 0, "CONTENT_LENGTH", "30000");
    cr_assert_lt(g_reader.buffer.capacity, 65536 + 1,
                 "record headers and padding take no room for good");
}

Test(record_reader, body_is_cut_at_content_length) {
    web_begin(&g_sent, 1, 1, 0);
    web_record(&g_sent, 4, 1, g_params, POST_PARAMS_BYTES, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    web_record(&g_sent, 5, 1, text("hel"), 0);
    web_record(&g_sent, 5, 1, text("lo and more"), 0);
    web_record(&g_sent, 5, 1, text("and more"), 0);
    web_record(&g_sent, 5, 1, NULL, 0, 0);
    struct seen seen = feed(&g_reader, &g_sent, 5);
    cr_assert_eq(seen.body_bytes, 5);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, READER_END);
}

Test(record_reader, without_content_length_the_body_ends_with_its_stream) {
    web_begin(&g_sent, 1, 1, 0);
    web_record(&g_sent, 4, 1, text("\x0e\0CONTENT_LENGTH"), 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    web_record(&g_sent, 5, 1, text("hello"), 0);
    web_record(&g_sent, 5, 1, text("world"), 0);
    struct seen seen = feed(&g_reader, &g_sent, 3);
    cr_assert_eq(g_reader.params.content_length, -1);
    cr_assert_eq(seen.body_bytes, 10);
    cr_assert_eq(seen.ends, 0);
    cr_assert_not(record_reader_body_is_complete(&g_reader));
    g_sent.size = 0;
    web_record(&g_sent, 5, 1, NULL, 0, 0);
    seen = feed(&g_reader, &g_sent, 3);
    cr_assert_eq(seen.last, READER_END);
    cr_assert(record_reader_body_is_complete(&g_reader));
}

Test(record_reader, authorizer_has_no_stdin) {
    web_begin(&g_sent, 1, 2, 1);
    web_record(&g_sent, 4, 1, g_params, POST_PARAMS_BYTES, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(g_reader.role, ROLE_AUTHORIZER);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(seen.last, READER_END);
}

Test(record_reader, request_behind_a_complete_one_waits_and_is_not_lost) {
    for (size_t piece = 1; piece < 200; piece += 3) {
        g_sent.size = 0;
        post(&g_sent, 1);
        post(&g_sent, 1);
        struct seen seen = feed(&g_reader, &g_sent, piece);
        cr_assert_eq(seen.headers, 1);
        cr_assert_eq(seen.body_bytes, 5);
        record_reader_reset(&g_reader);
        memset(&seen, 0, sizeof seen);
        look(&g_reader, &seen);
        cr_assert_eq(seen.headers, 1, "piece %zu", piece);
        cr_assert_eq(seen.body_bytes, 5);
        cr_assert_eq(seen.last, READER_END);
        assert_param(&g_reader, 1, "REQUEST_METHOD", "POST");
        record_reader_reset(&g_reader);
        cr_assert_eq(g_reader.buffer.raw_end, 0);
    }
}

Test(record_reader, abort_ends_the_body) {
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 4, 1, g_params, POST_PARAMS_BYTES, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    web_record(&g_sent, 5, 1, text("hel"), 0);
    web_record(&g_sent, 2, 2, NULL, 0, 0);
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_BODY, "aborting another id is nothing to us");
    g_sent.size = 0;
    web_record(&g_sent, 2, 1, NULL, 0, 0);
    seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_ABORT);
    cr_assert(g_reader.is_aborted);
    cr_assert_eq(record_reader_next(&g_reader), READER_END);
}

Test(record_reader, management_records_are_answered_at_any_time) {
    const uint8_t unknown[16] = {1, 11, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0};
    web_record(&g_sent, 99, 0, text("what is this"), 4);
    struct seen seen = feed(&g_reader, &g_sent, 3);
    cr_assert_eq(seen.last, READER_MORE);
    cr_assert_eq(g_reader.reply_bytes, 16);
    cr_assert_arr_eq(g_reader.replies, unknown, 16);
    g_reader.reply_bytes = 0;

    g_sent.size = 0;
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 9, 0, text("\x0e\0FCGI_MAX_CONNS"), 0);
    web_record(&g_sent, 4, 1, g_params, POST_PARAMS_BYTES, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    seen = feed(&g_reader, &g_sent, 7);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(g_reader.reply_bytes, 8 + 2 + 14 + 3);
    cr_assert_eq(g_reader.replies[1], 10);
}

Test(record_reader, endless_drained_body_needs_no_more_memory) {
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    cr_assert_eq(feed(&g_reader, &g_sent, SIZE_MAX).last, READER_HEADER);
    static uint8_t block[5003];
    g_sent.size = 0;
    web_record(&g_sent, 5, 1, block, sizeof block, 7);
    for (int i = 0; i < 1000; i++) {
        for (size_t at = 0; at < g_sent.size; at += 1009) {
            size_t size = g_sent.size - at < 1009 ? g_sent.size - at : 1009;
            cr_assert_eq(record_reader_append(&g_reader, g_sent.bytes + at, size), 0);
            while (record_reader_next(&g_reader) == READER_BODY) {
                record_reader_body(&g_reader, &size);
                record_reader_drop(&g_reader, size);
            }
        }
    }
    cr_assert_eq(g_reader.buffer.capacity, BUFFER_START_BYTES);
}

Test(record_reader, memory_of_a_large_request_is_given_back_with_it) {
    const struct reader_limits wide = {{1, 1}, 1 << 20};
    g_reader.limits = &wide;
    static uint8_t block[60000];
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 4, 1, block, sizeof block, 0);
    feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_gt(g_reader.buffer.capacity, BUFFER_KEEP_BYTES);
    record_reader_reset(&g_reader);
    cr_assert_eq(g_reader.buffer.capacity, BUFFER_START_BYTES);
}

Test(record_reader, end_of_stdin_is_the_end_only_with_its_padding) {
    web_begin(&g_sent, 1, 1, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    web_record(&g_sent, 5, 1, NULL, 0, 255);
    g_sent.size--;
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_HEADER);
    g_sent.bytes[0] = 0xee;
    g_sent.size = 1;
    seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_END);
    cr_assert_eq(g_reader.buffer.raw_begin, g_reader.buffer.raw_end);
}

Test(record_reader, content_length_is_digits_or_empty_or_minus_one) {
    const struct {
        const char *value;
        int64_t expected; /* -2: bad */
    } cases[] = {{"", -1},
                 {"0", 0},
                 {"9223372036854775807", INT64_MAX},
                 {"9223372036854775808", -2},
                 {"-1", -1}, /* what Caddy sends for a chunked body */
                 {"-2", -2},
                 {"-10", -2},
                 {"+1", -2},
                 {" 1", -2},
                 {"1 ", -2},
                 {"0x10", -2},
                 {"1e3", -2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const pairs[] = {"CONTENT_LENGTH", cases[i].value, NULL};
        g_sent.size = 0;
        web_begin(&g_sent, 1, 1, 0);
        web_params(&g_sent, 1, pairs);
        web_record(&g_sent, 4, 1, NULL, 0, 0);
        cr_assert_eq(feed(&g_reader, &g_sent, SIZE_MAX).last, READER_HEADER);
        cr_assert_eq(g_reader.params.has_bad_length, cases[i].expected == -2, "%s", cases[i].value);
        if (cases[i].expected != -2) {
            cr_assert_eq(g_reader.params.content_length, cases[i].expected);
        }
        record_reader_reset(&g_reader);
    }
}
