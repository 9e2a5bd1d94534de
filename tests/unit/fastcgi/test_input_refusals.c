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

static struct input s_input;
static struct web_bytes s_sent;

static void setup(void) {
    cr_assert_eq(input_init(&s_input, &s_limits), 0);
}
static void teardown(void) {
    input_destroy(&s_input);
    web_free(&s_sent);
}
TestSuite(input_refusals, .init = setup, .fini = teardown);

Test(input_refusals, unknown_roles_are_refused_and_their_records_ignored) {
    const uint8_t refused[16] = {1, 3, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
    const uint16_t roles[] = {0, 3, 4, 0x0101};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        s_sent.size = 0;
        web_begin(&s_sent, 7, roles[i], 1);
        web_record(&s_sent, 4, 7, text(s_params), 0);
        web_record(&s_sent, 4, 7, NULL, 0, 0);
        web_record(&s_sent, 8, 7, text("data"), 0);
        web_record(&s_sent, 5, 7, NULL, 0, 0);
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

Test(input_refusals, refused_request_without_keep_conn_asks_for_closing) {
    web_begin(&s_sent, 7, 3, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_REFUSED);
    cr_assert_eq(s_input.reply_bytes, 16);
}

Test(input_refusals, second_request_while_one_is_read_cannot_be_multiplexed) {
    const uint8_t refused[16] = {1, 3, 0, 2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 4, 1, text(s_params), 0);
    web_begin(&s_sent, 2, 1, 1);
    web_record(&s_sent, 4, 2,
               text("\x01\x01"
                    "AB"),
               0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    web_record(&s_sent, 4, 2, NULL, 0, 0);
    web_record(&s_sent, 5, 2, text("other"), 0);
    web_record(&s_sent, 5, 1, text("hello"), 0);
    web_record(&s_sent, 5, 2, NULL, 0, 0);
    web_record(&s_sent, 5, 1, NULL, 0, 0);
    struct seen seen = feed(&s_input, &s_sent, 10);
    cr_assert_eq(s_input.reply_bytes, 16);
    cr_assert_arr_eq(s_input.replies, refused, 16);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.param_count, 2);
    cr_assert_arr_eq(seen.body, "hello", 5);
    cr_assert_eq(seen.last, INPUT_END);
}

Test(input_refusals, records_of_unknown_ids_are_ignored_while_idle) {
    web_record(&s_sent, 4, 5, text(s_params), 1);
    web_record(&s_sent, 5, 5, text("hello"), 0);
    web_record(&s_sent, 2, 5, NULL, 0, 0);
    web_record(&s_sent, 77, 5, text("?"), 0);
    post(&s_sent, 6);
    struct seen seen = feed(&s_input, &s_sent, 9);
    cr_assert_eq(seen.headers, 1);
    cr_assert_eq(s_input.reply_bytes, 0);
}

Test(input_refusals, what_is_not_fastcgi_is_an_error) {
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
        struct input input;
        cr_assert_eq(input_init(&input, &s_limits), 0);
        struct web_bytes sent = {(uint8_t *)cases[i].bytes, cases[i].size, 0};
        struct seen seen = feed(&input, &sent, SIZE_MAX);
        cr_assert_eq(seen.last, INPUT_ERROR, "%s: %d", cases[i].what, seen.last);
        cr_assert_eq(input_next(&input), INPUT_ERROR, "and stays so");
        input_destroy(&input);
    }
}

Test(input_refusals, params_beyond_the_limit_are_an_error) {
    uint8_t block[1000] = {0};
    web_begin(&s_sent, 1, 1, 1);
    for (int i = 0; i < 4; i++) {
        web_record(&s_sent, 4, 1, block, sizeof block, 0);
    }
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_MORE, "4,000 of 4,096");
    s_sent.size = 0;
    web_record(&s_sent, 4, 1, block, 97, 0);
    seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ERROR);
}

Test(input_refusals, more_pairs_than_any_web_server_sends_are_an_error) {
    const struct input_limits wide = {{1, 1}, 1 << 20};
    s_input.limits = &wide;
    static uint8_t pairs[2 * (INPUT_PARAMS_MAX + 1)]; /* each with an empty name and value */
    web_begin(&s_sent, 1, 1, 1);
    web_record(&s_sent, 4, 1, pairs, sizeof pairs, 0);
    web_record(&s_sent, 4, 1, NULL, 0, 0);
    struct seen seen = feed(&s_input, &s_sent, SIZE_MAX);
    cr_assert_eq(seen.last, INPUT_ERROR);
}

Test(input_refusals, replies_that_nobody_reads_do_not_pile_up) {
    struct seen seen = {0};
    for (int i = 0; i < 100 && seen.last != INPUT_ERROR; i++) {
        s_sent.size = 0;
        web_record(&s_sent, 50, 0, NULL, 0, 0);
        seen = feed(&s_input, &s_sent, SIZE_MAX);
    }
    cr_assert_eq(seen.last, INPUT_ERROR);
}
