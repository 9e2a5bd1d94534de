/* Bytes as a web server would send them, written from FastCGI 1.0 §3.3-§3.4, §4, §5, §6. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/input.h"

static const struct input_limits s_limits = {{100, 20}, 4096};

/* ---- A web server's side ---- */

struct sent {
    uint8_t bytes[300000];
    size_t size;
};

static void record(struct sent *sent, uint8_t type, uint16_t id, const void *content, size_t size,
                   uint8_t padding) {
    const uint8_t header[8] = {
        1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(size >> 8), (uint8_t)size, padding, 0};
    memcpy(sent->bytes + sent->size, header, 8);
    memcpy(sent->bytes + sent->size + 8, content, size);
    memset(sent->bytes + sent->size + 8 + size, 0xee, padding);
    sent->size += 8 + size + padding;
}

static void begin(struct sent *sent, uint16_t id, uint16_t role, uint8_t flags) {
    const uint8_t body[8] = {(uint8_t)(role >> 8), (uint8_t)role, flags, 0, 0, 0, 0, 0};
    record(sent, 1, id, body, 8, 0);
}

#define text(string) string, sizeof(string) - 1

static const char s_params[] = "\x0e\x01"
                               "CONTENT_LENGTH5"
                               "\x0e\x04REQUEST_METHODPOST";

static void post(struct sent *sent, uint16_t id) {
    begin(sent, id, 1, 1);
    record(sent, 4, id, text(s_params), 3);
    record(sent, 4, id, "", 0, 0);
    record(sent, 5, id, text("hello"), 3);
    record(sent, 5, id, "", 0, 0);
}

/* ---- Our side ---- */

struct seen {
    enum input_event last; /* but INPUT_MORE */
    int headers, ends;
    char body[1000];
    size_t body_bytes;
};

static void look(struct input *input, struct seen *seen) {
    for (;;) {
        enum input_event event = input_next(input);
        size_t size;
        const uint8_t *bytes;
        if (event == INPUT_MORE) {
            return;
        }
        seen->last = event;
        switch (event) {
        case INPUT_HEADER:
            seen->headers++;
            break;
        case INPUT_BODY:
            bytes = input_body(input, &size);
            cr_assert_leq(seen->body_bytes + size, sizeof seen->body);
            memcpy(seen->body + seen->body_bytes, bytes, size);
            seen->body_bytes += size;
            input_drop(input, size);
            break;
        case INPUT_END:
            seen->ends++;
            return;
        default:
            return;
        }
    }
}

/* Feed in pieces of `piece` bytes, looking after each. */
static struct seen feed(struct input *input, const struct sent *sent, size_t piece) {
    struct seen seen;
    memset(&seen, 0, sizeof seen);
    seen.last = INPUT_MORE;
    for (size_t at = 0; at < sent->size; at += piece) {
        size_t size = sent->size - at < piece ? sent->size - at : piece;
        cr_assert_eq(input_append(input, sent->bytes + at, size), 0);
        look(input, &seen);
    }
    return seen;
}

static void assert_param(const struct input *input, size_t i, const char *name, const char *value) {
    cr_assert_lt(i, input->param_count);
    const struct param *param = &input->params[i];
    cr_assert_eq(param->name_bytes, strlen(name));
    cr_assert_arr_eq(param->name, name, strlen(name));
    cr_assert_eq(param->value_bytes, strlen(value));
    cr_assert_arr_eq(param->value, value, strlen(value));
}

static struct input s_input;
static struct sent s_sent;

static void setup(void) {
    cr_assert_eq(input_init(&s_input, &s_limits), 0);
}
static void teardown(void) {
    input_destroy(&s_input);
}
TestSuite(input, .init = setup, .fini = teardown);

Test(input, request_is_understood_however_it_is_cut_into_pieces) {
    post(&s_sent, 0x0203);
    for (size_t piece = 1; piece <= s_sent.size; piece++) {
        struct seen seen = feed(&s_input, &s_sent, piece);
        cr_assert_eq(seen.headers, 1, "piece %zu", piece);
        cr_assert_eq(seen.last, INPUT_END);
        cr_assert_eq(seen.body_bytes, 5);
        cr_assert_arr_eq(seen.body, "hello", 5);
        cr_assert_eq(s_input.id, 0x0203);
        cr_assert_eq(s_input.role, ROLE_RESPONDER);
        cr_assert(s_input.keep_connection);
        cr_assert_eq(s_input.content_length, 5);
        cr_assert_eq(s_input.param_count, 2);
        assert_param(&s_input, 0, "CONTENT_LENGTH", "5");
        assert_param(&s_input, 1, "REQUEST_METHOD", "POST");
        input_reset(&s_input);
    }
}

Test(input, params_split_over_records_at_any_byte_are_joined) {
    for (size_t split = 1; split < sizeof s_params - 1; split++) {
        s_sent.size = 0;
        begin(&s_sent, 1, 1, 0);
        record(&s_sent, 4, 1, s_params, split, 5);
        record(&s_sent, 4, 1, s_params + split, sizeof s_params - 1 - split, 2);
        record(&s_sent, 4, 1, "", 0, 8);
        struct seen seen = feed(&s_input, &s_sent, 11);
        cr_assert_eq(seen.headers, 1);
        assert_param(&s_input, 0, "CONTENT_LENGTH", "5");
        assert_param(&s_input, 1, "REQUEST_METHOD", "POST");
        input_reset(&s_input);
    }
}

Test(input, params_and_body_in_one_record_each_are_not_moved) {
    post(&s_sent, 1);
    cr_assert_eq(input_append(&s_input, s_sent.bytes, s_sent.size), 0);
    cr_assert_eq(input_next(&s_input), INPUT_HEADER);
    cr_assert_eq(s_input.params_begin, 16 + 8, "right behind BEGIN_REQUEST and a header");
    cr_assert_eq(input_next(&s_input), INPUT_BODY);
    input_keep(&s_input);
    cr_assert_eq(s_input.body_begin, s_input.params_end + 3 + 8 + 8);
    cr_assert_eq(input_next(&s_input), INPUT_END);
}

Test(input, kept_body_is_contiguous_and_params_stay_right_when_the_buffer_grows) {
    char body[3000];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char)(i % 251);
    }
    begin(&s_sent, 1, 1, 0);
    record(&s_sent, 4, 1,
           text("\x0e\x05"
                "CONTENT_LENGTH30000"),
           0);
    record(&s_sent, 4, 1, "", 0, 0);
    for (int i = 0; i < 10; i++) {
        record(&s_sent, 5, 1, body, sizeof body, (uint8_t)i);
    }
    for (size_t at = 0; at < s_sent.size; at += 700) {
        size_t size = s_sent.size - at < 700 ? s_sent.size - at : 700;
        cr_assert_eq(input_append(&s_input, s_sent.bytes + at, size), 0);
        enum input_event event;
        while ((event = input_next(&s_input)) != INPUT_MORE) {
            cr_assert(event == INPUT_HEADER || event == INPUT_BODY);
            if (event == INPUT_BODY) {
                input_keep(&s_input);
            }
        }
    }
    cr_assert(input_body_is_complete(&s_input));
    cr_assert_eq(s_input.body_end - s_input.body_begin, 30000);
    for (size_t i = 0; i < 10; i++) {
        cr_assert_arr_eq(s_input.bytes + s_input.body_begin + i * sizeof body, body, sizeof body);
    }
    assert_param(&s_input, 0, "CONTENT_LENGTH", "30000");
    cr_assert_lt(s_input.capacity, 65536 + 1, "record headers and padding take no room for good");
}

Test(input, body_is_cut_at_content_length) {
    begin(&s_sent, 1, 1, 0);
    record(&s_sent, 4, 1, text(s_params), 0);
    record(&s_sent, 4, 1, "", 0, 0);
    record(&s_sent, 5, 1, text("hel"), 0);
    record(&s_sent, 5, 1, text("lo and more"), 0);
    record(&s_sent, 5, 1, text("and more"), 0);
    record(&s_sent, 5, 1, "", 0, 0);
    struct seen seen = feed(&s_input, &s_sent, 5);
    cr_assert_eq(seen.body_bytes, 5);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, INPUT_END);
}

Test(input, without_content_length_the_body_ends_with_its_stream) {
    begin(&s_sent, 1, 1, 0);
    record(&s_sent, 4, 1, text("\x0e\0CONTENT_LENGTH"), 0);
    record(&s_sent, 4, 1, "", 0, 0);
    record(&s_sent, 5, 1, text("hello"), 0);
    record(&s_sent, 5, 1, text("world"), 0);
    struct seen seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(s_input.content_length, -1);
    cr_assert_eq(seen.body_bytes, 10);
    cr_assert_eq(seen.ends, 0);
    cr_assert_not(input_body_is_complete(&s_input));
    s_sent.size = 0;
    record(&s_sent, 5, 1, "", 0, 0);
    seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(seen.last, INPUT_END);
    cr_assert(input_body_is_complete(&s_input));
}

Test(input, authorizer_has_no_stdin) {
    begin(&s_sent, 1, 2, 1);
    record(&s_sent, 4, 1, text(s_params), 0);
    record(&s_sent, 4, 1, "", 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(s_input.role, ROLE_AUTHORIZER);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(seen.last, INPUT_END);
}

Test(input, unknown_roles_are_refused_and_their_records_ignored) {
    const uint8_t refused[16] = {1, 3, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
    const uint16_t roles[] = {0, 3, 4, 0x0101};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        s_sent.size = 0;
        begin(&s_sent, 7, roles[i], 1);
        record(&s_sent, 4, 7, text(s_params), 0);
        record(&s_sent, 4, 7, "", 0, 0);
        record(&s_sent, 8, 7, text("data"), 0);
        record(&s_sent, 5, 7, "", 0, 0);
        post(&s_sent, 8);
        struct seen seen = feed(&s_input, &s_sent, 13);
        cr_assert_eq(s_input.reply_bytes, 16, "role %d", roles[i]);
        cr_assert_arr_eq(s_input.replies, refused, 16);
        cr_assert_eq(seen.headers, 1, "the next request is served");
        cr_assert_eq(s_input.id, 8);
        s_input.reply_bytes = 0;
        input_reset(&s_input);
    }
}

Test(input, refused_request_without_keep_conn_asks_for_closing) {
    begin(&s_sent, 7, 3, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_REFUSED);
    cr_assert_eq(s_input.reply_bytes, 16);
}

Test(input, second_request_while_one_is_read_cannot_be_multiplexed) {
    const uint8_t refused[16] = {1, 3, 0, 2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 4, 1, text(s_params), 0);
    begin(&s_sent, 2, 1, 1);
    record(&s_sent, 4, 2,
           text("\x01\x01"
                "AB"),
           0);
    record(&s_sent, 4, 1, "", 0, 0);
    record(&s_sent, 4, 2, "", 0, 0);
    record(&s_sent, 5, 2, text("other"), 0);
    record(&s_sent, 5, 1, text("hello"), 0);
    record(&s_sent, 5, 2, "", 0, 0);
    record(&s_sent, 5, 1, "", 0, 0);
    struct seen seen = feed(&s_input, &s_sent, 10);
    cr_assert_eq(s_input.reply_bytes, 16);
    cr_assert_arr_eq(s_input.replies, refused, 16);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.param_count, 2);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, INPUT_END);
}

Test(input, request_behind_a_complete_one_waits_and_is_not_lost) {
    for (size_t piece = 1; piece < 200; piece += 3) {
        s_sent.size = 0;
        post(&s_sent, 1);
        post(&s_sent, 1);
        struct seen seen = feed(&s_input, &s_sent, piece);
        cr_assert_eq(seen.headers, 1);
        cr_assert_eq(seen.body_bytes, 5);
        input_reset(&s_input);
        memset(&seen, 0, sizeof seen);
        look(&s_input, &seen);
        cr_assert_eq(seen.headers, 1, "piece %zu", piece);
        cr_assert_eq(seen.body_bytes, 5);
        cr_assert_eq(seen.last, INPUT_END);
        assert_param(&s_input, 1, "REQUEST_METHOD", "POST");
        input_reset(&s_input);
        cr_assert_eq(s_input.raw_end, 0);
    }
}

Test(input, abort_ends_the_body) {
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 4, 1, text(s_params), 0);
    record(&s_sent, 4, 1, "", 0, 0);
    record(&s_sent, 5, 1, text("hel"), 0);
    record(&s_sent, 2, 2, "", 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_BODY, "aborting another id is nothing to us");
    s_sent.size = 0;
    record(&s_sent, 2, 1, "", 0, 0);
    seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ABORT);
    cr_assert(s_input.is_aborted);
    cr_assert_eq(input_next(&s_input), INPUT_END);
}

Test(input, management_records_are_answered_at_any_time) {
    const uint8_t unknown[16] = {1, 11, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0};
    record(&s_sent, 99, 0, text("what is this"), 4);
    struct seen seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(seen.last, INPUT_MORE);
    cr_assert_eq(s_input.reply_bytes, 16);
    cr_assert_arr_eq(s_input.replies, unknown, 16);
    s_input.reply_bytes = 0;

    s_sent.size = 0;
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 9, 0, text("\x0e\0FCGI_MAX_CONNS"), 0);
    record(&s_sent, 4, 1, text(s_params), 0);
    record(&s_sent, 4, 1, "", 0, 0);
    seen = feed(&s_input, &s_sent, 7);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.reply_bytes, 8 + 2 + 14 + 3);
    cr_assert_eq(s_input.replies[1], 10);
}

Test(input, records_of_unknown_ids_are_ignored_while_idle) {
    record(&s_sent, 4, 5, text(s_params), 1);
    record(&s_sent, 5, 5, text("hello"), 0);
    record(&s_sent, 2, 5, "", 0, 0);
    record(&s_sent, 77, 5, text("?"), 0);
    post(&s_sent, 6);
    struct seen seen = feed(&s_input, &s_sent, 9);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.reply_bytes, 0);
}

Test(input, what_is_not_fastcgi_is_an_error) {
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
        {"CONTENT_LENGTH that is no number",
         50,
         {1,   1,   0,   1,   0,   8,   0,   0,   0, 1,   0,   0,   0,   0,   0,   0,   1,
          4,   0,   1,   0,   18,  0,   0,   14,  2, 'C', 'O', 'N', 'T', 'E', 'N', 'T', '_',
          'L', 'E', 'N', 'G', 'T', 'H', '-', '1', 1, 4,   0,   1,   0,   0,   0,   0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct input input;
        cr_assert_eq(input_init(&input, &s_limits), 0);
        s_sent.size = cases[i].size;
        memcpy(s_sent.bytes, cases[i].bytes, cases[i].size);
        struct seen seen = feed(&input, &s_sent, SIZE_MAX);
        cr_assert_eq(seen.last, INPUT_ERROR, "%s: %d", cases[i].what, seen.last);
        cr_assert_eq(input_next(&input), INPUT_ERROR, "and stays so");
        input_destroy(&input);
    }
}

Test(input, params_beyond_the_limit_are_an_error) {
    uint8_t block[1000] = {0};
    begin(&s_sent, 1, 1, 1);
    for (int i = 0; i < 4; i++) {
        record(&s_sent, 4, 1, block, sizeof block, 0);
    }
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_MORE, "4,000 of 4,096");
    s_sent.size = 0;
    record(&s_sent, 4, 1, block, 97, 0);
    seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ERROR);
}

Test(input, more_pairs_than_any_web_server_sends_are_an_error) {
    const struct input_limits wide = {{1, 1}, 1 << 20};
    s_input.limits = &wide;
    static uint8_t pairs[2 * (INPUT_PARAMS_MAX + 1)]; /* each with an empty name and value */
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 4, 1, pairs, sizeof pairs, 0);
    record(&s_sent, 4, 1, "", 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ERROR);
}

Test(input, replies_that_nobody_reads_do_not_pile_up) {
    struct seen seen = {0};
    for (int i = 0; i < 100 && seen.last != INPUT_ERROR; i++) {
        s_sent.size = 0;
        record(&s_sent, 50, 0, "", 0, 0);
        seen = feed(&s_input, &s_sent, SIZE_MAX);
    }
    cr_assert_eq(seen.last, INPUT_ERROR);
}

Test(input, endless_drained_body_needs_no_more_memory) {
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 4, 1, "", 0, 0);
    cr_assert_eq(feed(&s_input, &s_sent, SIZE_MAX).last, INPUT_HEADER);
    static uint8_t block[5003];
    s_sent.size = 0;
    record(&s_sent, 5, 1, block, sizeof block, 7);
    for (int i = 0; i < 1000; i++) {
        for (size_t at = 0; at < s_sent.size; at += 1009) {
            size_t size = s_sent.size - at < 1009 ? s_sent.size - at : 1009;
            cr_assert_eq(input_append(&s_input, s_sent.bytes + at, size), 0);
            while (input_next(&s_input) == INPUT_BODY) {
                input_body(&s_input, &size);
                input_drop(&s_input, size);
            }
        }
    }
    cr_assert_eq(s_input.capacity, INPUT_START_BYTES);
}

Test(input, memory_of_a_large_request_is_given_back_with_it) {
    const struct input_limits wide = {{1, 1}, 1 << 20};
    s_input.limits = &wide;
    static uint8_t block[60000];
    begin(&s_sent, 1, 1, 1);
    record(&s_sent, 4, 1, block, sizeof block, 0);
    feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_gt(s_input.capacity, INPUT_KEEP_BYTES);
    input_reset(&s_input);
    cr_assert_eq(s_input.capacity, INPUT_START_BYTES);
}
