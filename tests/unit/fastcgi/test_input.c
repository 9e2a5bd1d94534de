/* Bytes as a web server would send them, written from FastCGI 1.0 §3.3-§3.4, §4, §5, §6. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/input.h"
#include "tests/support/web_server.h"

static const struct input_limits s_limits = {{100, 20}, 4096};

#define text(string) string, sizeof(string) - 1

static const char s_params[] = "\x0e\x01"
                               "CONTENT_LENGTH5"
                               "\x0e\x04REQUEST_METHODPOST";

static void post(struct web_bytes *sent, uint16_t id) {
    web_begin(sent, id, 1, 1);
    web_record(sent, 4, id, text(s_params), 3);
    web_record(sent, 4, id, NULL, 0, 0);
    web_record(sent, 5, id, text("hello"), 3);
    web_record(sent, 5, id, NULL, 0, 0);
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
static struct seen feed(struct input *input, const struct web_bytes *sent, size_t piece) {
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
static struct web_bytes s_sent;

static void setup(void) {
    cr_assert_eq(input_init(&s_input, &s_limits), 0);
}
static void teardown(void) {
    input_destroy(&s_input);
    web_free(&s_sent);
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
        web_begin(&s_sent, 1, 1, 0);
        web_record(&s_sent, 4, 1, s_params, split, 5);
        web_record(&s_sent, 4, 1, s_params + split, sizeof s_params - 1 - split, 2);
        web_record(&s_sent, 4, 1, NULL, 0, 8);
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
    web_begin(&s_sent, 1, 1, 0);
    web_record(&s_sent, 4, 1,
               text("\x0e\x05"
                    "CONTENT_LENGTH30000"),
               0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    for (int i = 0; i < 10; i++) {
        web_record(&s_sent, 5, 1, body, sizeof body, (uint8_t)i);
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
    web_begin(&s_sent, 1, 1, 0);
    web_record(&s_sent, 4, 1, text(s_params), 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    web_record(&s_sent, 5, 1, text("hel"), 0);
    web_record(&s_sent, 5, 1, text("lo and more"), 0);
    web_record(&s_sent, 5, 1, text("and more"), 0);
    web_record(&s_sent, 5, 1, NULL, 0, 0);
    struct seen seen = feed(&s_input, &s_sent, 5);
    cr_assert_eq(seen.body_bytes, 5);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, INPUT_END);
}

Test(input, without_content_length_the_body_ends_with_its_stream) {
    web_begin(&s_sent, 1, 1, 0);
    web_record(&s_sent, 4, 1, text("\x0e\0CONTENT_LENGTH"), 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    web_record(&s_sent, 5, 1, text("hello"), 0);
    web_record(&s_sent, 5, 1, text("world"), 0);
    struct seen seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(s_input.content_length, -1);
    cr_assert_eq(seen.body_bytes, 10);
    cr_assert_eq(seen.ends, 0);
    cr_assert_not(input_body_is_complete(&s_input));
    s_sent.size = 0;
    web_record(&s_sent, 5, 1, NULL, 0, 0);
    seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(seen.last, INPUT_END);
    cr_assert(input_body_is_complete(&s_input));
}

Test(input, authorizer_has_no_stdin) {
    web_begin(&s_sent, 1, 2, 1);
    web_record(&s_sent, 4, 1, text(s_params), 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(s_input.role, ROLE_AUTHORIZER);
    cr_assert_eq(seen.headers, 1);
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
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 4, 1, text(s_params), 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    web_record(&s_sent, 5, 1, text("hel"), 0);
    web_record(&s_sent, 2, 2, NULL, 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_BODY, "aborting another id is nothing to us");
    s_sent.size = 0;
    web_record(&s_sent, 2, 1, NULL, 0, 0);
    seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ABORT);
    cr_assert(s_input.is_aborted);
    cr_assert_eq(input_next(&s_input), INPUT_END);
}

Test(input, management_records_are_answered_at_any_time) {
    const uint8_t unknown[16] = {1, 11, 0, 0, 0, 8, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0};
    web_record(&s_sent, 99, 0, text("what is this"), 4);
    struct seen seen = feed(&s_input, &s_sent, 3);
    cr_assert_eq(seen.last, INPUT_MORE);
    cr_assert_eq(s_input.reply_bytes, 16);
    cr_assert_arr_eq(s_input.replies, unknown, 16);
    s_input.reply_bytes = 0;

    s_sent.size = 0;
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 9, 0, text("\x0e\0FCGI_MAX_CONNS"), 0);
    web_record(&s_sent, 4, 1, text(s_params), 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    seen = feed(&s_input, &s_sent, 7);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.reply_bytes, 8 + 2 + 14 + 3);
    cr_assert_eq(s_input.replies[1], 10);
}

Test(input, endless_drained_body_needs_no_more_memory) {
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    cr_assert_eq(feed(&s_input, &s_sent, SIZE_MAX).last, INPUT_HEADER);
    static uint8_t block[5003];
    s_sent.size = 0;
    web_record(&s_sent, 5, 1, block, sizeof block, 7);
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
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 4, 1, block, sizeof block, 0);
    feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_gt(s_input.capacity, INPUT_KEEP_BYTES);
    input_reset(&s_input);
    cr_assert_eq(s_input.capacity, INPUT_START_BYTES);
}

Test(input, end_of_stdin_is_the_end_only_with_its_padding) {
    web_begin(&s_sent, 1, 1, 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    web_record(&s_sent, 5, 1, NULL, 0, 255);
    s_sent.size--;
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_HEADER);
    s_sent.bytes[0] = 0xee;
    s_sent.size = 1;
    seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_END);
    cr_assert_eq(s_input.raw_begin, s_input.raw_end);
}

Test(input, content_length_is_digits_or_empty) {
    const struct {
        const char *value;
        int64_t expected; /* -2: bad */
    } cases[] = {{"", -1},
                 {"0", 0},
                 {"9223372036854775807", INT64_MAX},
                 {"9223372036854775808", -2},
                 {"-1", -2},
                 {"+1", -2},
                 {" 1", -2},
                 {"1 ", -2},
                 {"0x10", -2},
                 {"1e3", -2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const pairs[] = {"CONTENT_LENGTH", cases[i].value, NULL};
        s_sent.size = 0;
        web_begin(&s_sent, 1, 1, 0);
        web_params(&s_sent, 1, pairs);
        web_record(&s_sent, 4, 1, NULL, 0, 0);
        cr_assert_eq(feed(&s_input, &s_sent, SIZE_MAX).last, INPUT_HEADER);
        cr_assert_eq(s_input.has_bad_length, cases[i].expected == -2, "%s", cases[i].value);
        if (cases[i].expected != -2) {
            cr_assert_eq(s_input.content_length, cases[i].expected);
        }
        input_reset(&s_input);
    }
}
