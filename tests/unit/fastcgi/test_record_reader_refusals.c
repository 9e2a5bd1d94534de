/* What is fed is written from FastCGI 1.0 §3.3-§3.4, §4, §5, §6. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fastcgi/reader_fixture.h"

TestSuite(record_reader_refusals, .init = reader_setup, .fini = reader_teardown);

Test(record_reader_refusals, unknown_roles_are_refused_and_their_records_ignored) {
    const uint8_t refused[16] = {1, 3, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
    const uint16_t roles[] = {0, 3, 4, 0x0101};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        g_sent.size = 0;
        web_begin(&g_sent, 7, roles[i], 1);
        web_record(&g_sent, 4, 7, g_params, POST_PARAMS_BYTES, 0);
        web_record(&g_sent, 4, 7, NULL, 0, 0);
        web_record(&g_sent, 8, 7, text("data"), 0);
        web_record(&g_sent, 5, 7, NULL, 0, 0);
        post(&g_sent, 8);
        struct seen seen = feed(&g_reader, &g_sent, 13);
        cr_assert_eq(g_reader.reply_bytes, 16, "role %d", roles[i]);
        cr_assert_arr_eq(g_reader.replies, refused, 16);
        cr_assert_eq(seen.headers, 1, "the next request is served");
        cr_assert_eq(g_reader.id, 8);
        g_reader.reply_bytes = 0;
        record_reader_reset(&g_reader);
    }
}

Test(record_reader_refusals, refused_request_without_keep_conn_asks_for_closing) {
    web_begin(&g_sent, 7, 3, 0);
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_REFUSED);
    cr_assert_eq(g_reader.reply_bytes, 16);
}

Test(record_reader_refusals, second_request_while_one_is_read_cannot_be_multiplexed) {
    const uint8_t refused[16] = {1, 3, 0, 2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 4, 1, g_params, POST_PARAMS_BYTES, 0);
    web_begin(&g_sent, 2, 1, 1);
    web_record(&g_sent, 4, 2,
               text("\x01\x01"
                    "AB"),
               0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    web_record(&g_sent, 4, 2, NULL, 0, 0);
    web_record(&g_sent, 5, 2, text("other"), 0);
    web_record(&g_sent, 5, 1, text("hello"), 0);
    web_record(&g_sent, 5, 2, NULL, 0, 0);
    web_record(&g_sent, 5, 1, NULL, 0, 0);
    struct seen seen = feed(&g_reader, &g_sent, 10);
    cr_assert_eq(g_reader.reply_bytes, 16);
    cr_assert_arr_eq(g_reader.replies, refused, 16);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(g_reader.params.count, 2);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, READER_END);
}

Test(record_reader_refusals, records_of_unknown_ids_are_ignored_while_idle) {
    web_record(&g_sent, 4, 5, g_params, POST_PARAMS_BYTES, 1);
    web_record(&g_sent, 5, 5, text("hello"), 0);
    web_record(&g_sent, 2, 5, NULL, 0, 0);
    web_record(&g_sent, 77, 5, text("?"), 0);
    post(&g_sent, 6);
    struct seen seen = feed(&g_reader, &g_sent, 9);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(g_reader.reply_bytes, 0);
}

Test(record_reader_refusals, what_is_not_fastcgi_is_an_error) {
    const struct {
        const char *what;
        size_t size;
        uint8_t bytes[80];
    } cases[] = {
        {"version 0", 8, {0, 1, 0, 1, 0, 8, 0, 0}},
        {"version 2", 8, {2, 1, 0, 1, 0, 8, 0, 0}},
        {"HTTP", 16, "GET / HTTP/1.1\r\n"},
        {"BEGIN_REQUEST of 7 bytes", 16, {1, 1, 0, 1, 0, 7, 0, 0, 0, 1}},
        {"BEGIN_REQUEST of 9 bytes", 24, {1, 1, 0, 1, 0, 9, 0, 0, 0, 1}},
        {"GET_VALUES longer than any", 8, {1, 9, 0, 0, 0xff, 0xff, 0, 0}},
        {"GET_VALUES with bad lengths", 16, {1, 9, 0, 0, 0, 2, 0, 0, 9, 0}},
        {"STDIN before the end of PARAMS", 32, {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0,
                                                0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0}},
        {"BEGIN_REQUEST twice for an id", 32, {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0,
                                               0, 0, 0, 1, 1, 0, 1, 0, 8, 0, 0, 0, 1}},
        {"params with a length past the end", 35, {1, 1, 0,   1, 0, 8, 0, 0, 0, 1, 0, 0,
                                                   0, 0, 0,   0, 1, 4, 0, 1, 0, 3, 0, 0,
                                                   9, 9, 'A', 1, 4, 0, 1, 0, 0, 0, 0}},
        {"BEGIN_REQUEST with the null request id", 16, {1, 1, 0, 0, 0, 8, 0, 0, 0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record_reader reader;
        cr_assert_eq(record_reader_init(&reader, &g_limits), 0);
        struct web_bytes sent = {(uint8_t *)cases[i].bytes, cases[i].size, 0};
        struct seen seen = feed(&reader, &sent, SIZE_MAX);
        cr_assert_eq(seen.last, READER_ERROR, "%s: %d", cases[i].what, seen.last);
        cr_assert_eq(record_reader_next(&reader), READER_ERROR, "and stays so");
        record_reader_destroy(&reader);
    }
}

Test(record_reader_refusals, params_beyond_the_limit_are_an_error) {
    uint8_t block[1000] = {0};
    web_begin(&g_sent, 1, 1, 1);
    for (int i = 0; i < 4; i++) {
        web_record(&g_sent, 4, 1, block, sizeof block, 0);
    }
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_MORE, "4,000 of 4,096");
    g_sent.size = 0;
    web_record(&g_sent, 4, 1, block, 97, 0);
    seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_ERROR);
}

Test(record_reader_refusals, more_pairs_than_any_web_server_sends_are_an_error) {
    const struct reader_limits wide = {{1, 1}, 1 << 20};
    g_reader.limits = &wide;
    static uint8_t pairs[2 * (READER_PARAMS_MAX + 1)]; /* each with an empty name and value */
    web_begin(&g_sent, 1, 1, 1);
    web_record(&g_sent, 4, 1, pairs, sizeof pairs, 0);
    web_record(&g_sent, 4, 1, NULL, 0, 0);
    struct seen seen = feed(&g_reader, &g_sent, SIZE_MAX);
    cr_assert_eq(seen.last, READER_ERROR);
}

Test(record_reader_refusals, replies_that_nobody_reads_do_not_pile_up) {
    struct seen seen = {0};
    for (int i = 0; i < 100 && seen.last != READER_ERROR; i++) {
        g_sent.size = 0;
        web_record(&g_sent, 50, 0, NULL, 0, 0);
        seen = feed(&g_reader, &g_sent, SIZE_MAX);
    }
    cr_assert_eq(seen.last, READER_ERROR);
}
