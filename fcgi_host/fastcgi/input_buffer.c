/* The memory of a struct input: growing, moving, giving back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/input.h"
#include "fcgi_host/fastcgi/input_params.h"

/* Slots for params that are kept between requests. */
enum { KEEP_PARAMS = 256 };

int input_init(struct input *input, const struct input_limits *limits) {
    memset(input, 0, sizeof *input);
    input->limits = limits;
    input->content_length = -1;
    input->bytes = malloc(INPUT_START_BYTES);
    if (!input->bytes) {
        return -1;
    }
    input->capacity = INPUT_START_BYTES;
    return 0;
}

void input_destroy(struct input *input) {
    free(input->bytes);
    free(input->params);
    input->bytes = NULL;
    input->params = NULL;
}

/* Move raw bytes down to the part before them. */
static void compact(struct input *input) {
    size_t floor = input->body_begin < input->body_end ? input->body_end : input->params_end;
    size_t raw = input->raw_end - input->raw_begin;
    if (input->raw_begin > floor) {
        memmove(input->bytes + floor, input->bytes + input->raw_begin, raw);
        input->raw_begin = floor;
        input->raw_end = floor + raw;
    }
}

int input_reserve(struct input *input, size_t size) {
    if (size <= input->capacity - input->raw_end) {
        return 0;
    }
    compact(input);
    if (size <= input->capacity - input->raw_end) {
        return 0;
    }
    size_t needed = input->raw_end + size;
    size_t capacity = input->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *bytes = malloc(capacity);
    if (!bytes) {
        return -1;
    }
    uint8_t *old_bytes = input->bytes;
    memcpy(bytes, old_bytes, input->raw_end);
    input->bytes = bytes;
    input->capacity = capacity;
    input_params_rebase(input, old_bytes);
    free(old_bytes);
    return 0;
}

int input_append(struct input *input, const void *bytes, size_t size) {
    if (input_reserve(input, size) < 0) {
        return -1;
    }
    memcpy(input->bytes + input->raw_end, bytes, size);
    input->raw_end += size;
    return 0;
}

uint8_t *input_room(struct input *input, size_t *ret_size) {
    /* Usually none are left, or a few (a header cut in two). */
    compact(input);
    *ret_size = input->capacity - input->raw_end;
    return input->bytes + input->raw_end;
}

void input_received(struct input *input, size_t size) {
    assert(size <= input->capacity - input->raw_end);
    input->raw_end += size;
}

/* Memory beyond what most requests need is not held by a connection that idles. */
static void shrink(struct input *input, size_t raw) {
    if (input->capacity > INPUT_KEEP_BYTES && raw <= INPUT_START_BYTES) {
        uint8_t *bytes = realloc(input->bytes, INPUT_START_BYTES);
        if (bytes) {
            input->bytes = bytes;
            input->capacity = INPUT_START_BYTES;
        }
    }
    if (input->param_capacity > KEEP_PARAMS) {
        free(input->params);
        input->params = NULL;
        input->param_capacity = 0;
    }
}

void input_reset(struct input *input) {
    size_t raw = input->raw_end - input->raw_begin;
    if (raw > 0) {
        memmove(input->bytes, input->bytes + input->raw_begin, raw);
    }
    input->params_begin = input->params_end = 0;
    input->body_begin = input->body_end = 0;
    input->raw_begin = 0;
    input->raw_end = raw;
    input->phase = INPUT_IDLE;
    input->is_aborted = false;
    input->content_is = 0; /* what is left of a record of the old request is skipped */
    input->content_length = -1;
    input->has_bad_length = false;
    input->body_received = 0;
    input->param_count = 0;
    shrink(input, raw);
}
