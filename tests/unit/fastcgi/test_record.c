/* Expected bytes are written from FastCGI 1.0, §3.3, §3.4, §4.1, §4.2, §5.5. */
#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/fastcgi/record.h"

static const struct record_limits s_limits = {100, 20};

#define assert_bytes(actual, expected, size) cr_assert_arr_eq(actual, expected, size)

Test(record, header_is_eight_bytes_big_endian) {
    const uint8_t expected[8] = {1, 6, 0x12, 0x34, 0xff, 0xf8, 0, 0};
    uint8_t bytes[8];
    memset(bytes, 0xee, sizeof bytes);
    record_encode_header(bytes, 6, 0x1234, 65528);
    assert_bytes(bytes, expected, sizeof expected);
}

Test(record, header_is_taken_apart) {
    const uint8_t bytes[8] = {1, 5, 0x80, 0x01, 0x01, 0x02, 7, 0xff};
    struct record_header header;
    record_decode_header(bytes, &header);
    cr_assert_eq(header.version, 1);
    cr_assert_eq(header.type, 5);
    cr_assert_eq(header.id, 0x8001);
    cr_assert_eq(header.content_bytes, 0x0102);
    cr_assert_eq(header.padding_bytes, 7);
}

Test(record, end_request_holds_app_status_and_protocol_status) {
    const uint8_t expected[16] = {1, 3, 0, 5, 0, 8, 0, 0, 0x01, 0x02, 0x03, 0x04, 2, 0, 0, 0};
    uint8_t bytes[16];
    memset(bytes, 0xee, sizeof bytes);
    record_encode_end_request(bytes, 5, 0x01020304, 2);
    assert_bytes(bytes, expected, sizeof expected);
}

Test(record, unknown_type_names_the_type_with_request_id_zero) {
    const uint8_t expected[16] = {1, 11, 0, 0, 0, 8, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0};
    uint8_t bytes[16];
    memset(bytes, 0xee, sizeof bytes);
    record_encode_unknown_type(bytes, 42);
    assert_bytes(bytes, expected, sizeof expected);
}

Test(record, pair_lengths_below_128_take_one_byte) {
    const uint8_t bytes[] = "\x04\x05NAMEvalue";
    const uint8_t *position = bytes;
    struct param pair;
    cr_assert_eq(record_next_pair(&position, bytes + 11, &pair), 1);
    cr_assert_eq(pair.name_bytes, 4);
    cr_assert_eq(pair.value_bytes, 5);
    cr_assert_arr_eq(pair.name, "NAME", 4);
    cr_assert_arr_eq(pair.value, "value", 5);
    cr_assert_eq(record_next_pair(&position, bytes + 11, &pair), 0);
}

Test(record, pair_lengths_from_128_on_take_four_bytes) {
    uint8_t bytes[5 + 1 + 300] = {1, 0x80, 0, 1, 44, 'N'};
    memset(bytes + 6, 'v', 300);
    const uint8_t *position = bytes;
    struct param pair;
    cr_assert_eq(record_next_pair(&position, bytes + sizeof bytes, &pair), 1);
    cr_assert_eq(pair.name_bytes, 1);
    cr_assert_eq(pair.value_bytes, 300);
    cr_assert_eq(position, bytes + sizeof bytes);
}

Test(record, pair_with_four_byte_lengths_of_small_values_is_read) {
    const uint8_t bytes[] = {0x80, 0, 0, 1, 0x80, 0, 0, 2, 'A', 'b', 'c'};
    const uint8_t *position = bytes;
    struct param pair;
    cr_assert_eq(record_next_pair(&position, bytes + sizeof bytes, &pair), 1);
    cr_assert_eq(pair.name_bytes, 1);
    cr_assert_eq(pair.value_bytes, 2);
}

Test(record, pair_that_goes_past_the_end_is_malformed) {
    const struct {
        size_t size;
        uint8_t bytes[12];
    } cases[] = {
        {1, {1}},                                                   /* no value length */
        {2, {1, 0}},                                                /* no name */
        {3, {1, 1, 'N'}},                                           /* no value */
        {3, {0x80, 0, 0}},                                          /* length cut off */
        {5, {1, 0x80, 0, 0, 1}},                                    /* name missing */
        {9, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'N'}}, /* sum overflows 32 bits */
        {6, {0xff, 0xff, 0xff, 0xff, 1, 'N'}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *position = cases[i].bytes;
        struct param pair;
        cr_assert_eq(record_next_pair(&position, cases[i].bytes + cases[i].size, &pair), -1,
                     "case %zu", i);
    }
}

Test(record, get_values_is_answered_with_the_names_asked_for) {
    const uint8_t query[] = "\x0f\0FCGI_MPXS_CONNS\x0e\0FCGI_MAX_CONNS";
    const uint8_t expected[] = "\x01\x0a\0\0\0\x24\0\0"
                               "\x0f\x01"
                               "FCGI_MPXS_CONNS0"
                               "\x0e\x03"
                               "FCGI_MAX_CONNS100";
    uint8_t bytes[RECORD_VALUES_BYTES];
    /* 2+15+1 + 2+14+3 = 37 */
    size_t size = record_encode_values(bytes, query, sizeof query - 1, &s_limits);
    cr_assert_eq(size, 8 + 37);
    cr_assert_eq(bytes[5], 37);
    bytes[5] = expected[5];
    assert_bytes(bytes, expected, sizeof expected - 1);
}

Test(record, get_values_leaves_out_names_it_does_not_know_and_repetitions) {
    const uint8_t query[] = "\x07\0SURPRISE\x0d\0FCGI_MAX_REQS\x0d\0FCGI_MAX_REQS";
    uint8_t fixed[sizeof query];
    memcpy(fixed, query, sizeof query);
    fixed[0] = 8;
    uint8_t bytes[RECORD_VALUES_BYTES];
    size_t size = record_encode_values(bytes, fixed, sizeof fixed - 1, &s_limits);
    const uint8_t expected[] = "\x01\x0a\0\0\0\x11\0\0\x0d\x02"
                               "FCGI_MAX_REQS20";
    cr_assert_eq(size, sizeof expected - 1);
    assert_bytes(bytes, expected, size);
}

Test(record, get_values_without_names_is_answered_empty) {
    uint8_t bytes[RECORD_VALUES_BYTES];
    const uint8_t expected[8] = {1, 10, 0, 0, 0, 0, 0, 0};
    cr_assert_eq(record_encode_values(bytes, NULL, 0, &s_limits), 8);
    assert_bytes(bytes, expected, 8);
}

Test(record, get_values_with_bad_lengths_is_refused) {
    uint8_t bytes[RECORD_VALUES_BYTES];
    cr_assert_eq(record_encode_values(bytes, (const uint8_t *)"\x0e", 1, &s_limits), 0);
}

Test(record, get_values_result_has_room_for_the_largest_numbers) {
    const struct record_limits largest = {4294967295u, 4294967295u};
    const uint8_t query[] = "\x0e\0FCGI_MAX_CONNS\x0d\0FCGI_MAX_REQS\x0f\0FCGI_MPXS_CONNS";
    uint8_t bytes[RECORD_VALUES_BYTES + 1];
    bytes[RECORD_VALUES_BYTES] = 0xaa;
    size_t size = record_encode_values(bytes, query, sizeof query - 1, &largest);
    cr_assert_eq(size, 8u + 26 + 25 + 18);
    cr_assert_leq(size, RECORD_VALUES_BYTES);
    cr_assert_eq(bytes[RECORD_VALUES_BYTES], 0xaa);
}
