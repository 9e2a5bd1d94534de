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

#include "fcgi_host/fastcgi/input.h"

enum { MAX_HEADER = 3000, MAX_SEEN = 1 << 20 };
static const struct input_limits s_limits = {{10, 10}, MAX_HEADER};

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

static void see_replies(struct seen *seen, struct input *input) {
    require(input->reply_bytes <= sizeof input->replies);
    require(seen->reply_size + input->reply_bytes <= MAX_SEEN);
    memcpy(seen->replies + seen->reply_size, input->replies, input->reply_bytes);
    seen->reply_size += input->reply_bytes;
    seen->has_many_replies =
        seen->has_many_replies || input->reply_bytes + RECORD_VALUES_BYTES > INPUT_REPLY_BYTES;
    input->reply_bytes = 0;
}

static void see_header(struct seen *seen, const struct input *input) {
    size_t params = 0;
    see(seen, "H", 1);
    for (size_t i = 0; i < input->param_count; i++) {
        const struct param *param = &input->params[i];
        see(seen, param->name, param->name_bytes);
        see(seen, "=", 1);
        see(seen, param->value, param->value_bytes);
        see(seen, ";", 1);
        params += param->name_bytes + param->value_bytes;
    }
    require(params <= MAX_HEADER);
}

static void check(const struct input *input) {
    require(input->params_begin <= input->params_end);
    require(input->params_end <= input->body_begin || input->body_begin == input->body_end);
    require(input->body_begin <= input->body_end);
    require(input->raw_begin <= input->raw_end && input->raw_end <= input->capacity);
    require(input->content_length < 0 || input->body_received <= (uint64_t)input->content_length);
}

/* Keep some body bytes in the buffer, drop the others, as the intake and serving threads do. */
static void take_body(struct seen *seen, struct input *input, bool keeps) {
    size_t size;
    const uint8_t *bytes = input_body(input, &size);
    require(size > 0);
    see(seen, bytes, size);
    if (keeps) {
        input_keep(input);
    } else {
        input_drop(input, size);
    }
}

/* Everything up to the next lack of bytes. @return false when the connection would be closed */
static bool step(struct seen *seen, struct input *input, bool keeps) {
    for (;;) {
        enum input_event event = input_next(input);
        check(input);
        see_replies(seen, input);
        switch (event) {
        case INPUT_MORE:
            return true;
        case INPUT_HEADER:
            see_header(seen, input);
            if (input->phase == INPUT_ENDED) {
                input_reset(input);
            }
            break;
        case INPUT_BODY:
            take_body(seen, input, keeps);
            break;
        case INPUT_ABORT:
            see(seen, "A", 1);
            input_reset(input);
            break;
        case INPUT_END:
            see(seen, "E", 1);
            input_reset(input);
            break;
        case INPUT_REFUSED:
        case INPUT_ERROR:
            see(seen, event == INPUT_ERROR ? "!" : "R", 1);
            return false;
        }
    }
}

static void run(struct seen *seen, const uint8_t *data, size_t size, unsigned seed) {
    struct input input;
    require(input_init(&input, &s_limits) == 0);
    bool keeps = seed & 1;
    for (size_t at = 0; at < size;) {
        seed = seed * 1103515245u + 12345u;
        size_t piece = seed == 0 ? size : 1 + (seed >> 16) % 97;
        piece = piece < size - at ? piece : size - at;
        require(input_append(&input, data + at, piece) == 0);
        at += piece;
        if (!step(seen, &input, keeps)) {
            break;
        }
    }
    input_destroy(&input);
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
