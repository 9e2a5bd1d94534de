#include "fcgi_host/fastcgi/reader_params.h"

#include <stdlib.h>

#include "fcgi_host/fastcgi/record.h"

enum {
    /** Pairs that room is made for at first; web servers send 20 to 40. */
    START_PARAMS = 64,
    /** Room for more pairs than these is not kept between requests. */
    KEEP_PARAMS = 256,
};

void reader_params_init(struct reader_params *params) {
    *params = (struct reader_params){.content_length = -1};
}

void reader_params_destroy(struct reader_params *params) {
    free(params->items);
    params->items = NULL;
}

void reader_params_reset(struct reader_params *params) {
    params->count = 0;
    params->content_length = -1;
    params->has_bad_length = false;
    if (params->capacity > KEEP_PARAMS) {
        free(params->items);
        params->items = NULL;
        params->capacity = 0;
    }
}

static int grow_params(struct reader_params *params) {
    size_t capacity = params->capacity ? params->capacity * 2 : START_PARAMS;
    if (params->capacity >= READER_PARAMS_MAX) {
        return -1;
    }
    struct param *items = realloc(params->items, capacity * sizeof *items);
    if (!items) {
        return -1;
    }
    params->items = items;
    params->capacity = capacity;
    return 0;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* RFC 3875 §4.1.2: digits, or empty.  "-1" is how Caddy says that it does not know (chunked
 * bodies): the end of FCGI_STDIN tells.  @return -1 for anything else */
static int parse_content_length(const struct param *param, int64_t *ret) {
    *ret = -1;
    if (!param || param->value_bytes == 0 || param_is(param, "-1")) {
        return 0;
    }
    int64_t length = 0;
    for (uint32_t i = 0; i < param->value_bytes; i++) {
        int digit = param->value[i] - '0';
        if (!is_digit(param->value[i]) || length > (INT64_MAX - digit) / 10) {
            return -1;
        }
        length = length * 10 + digit;
    }
    *ret = length;
    return 0;
}

int reader_params_parse(struct reader_params *params, const uint8_t *begin, const uint8_t *end) {
    static const char content_length[] = "CONTENT_LENGTH";
    const uint8_t *position = begin;
    struct param pair;
    int more;
    params->count = 0;
    while ((more = record_next_pair(&position, end, &pair)) > 0) {
        if (params->count == params->capacity && grow_params(params) < 0) {
            return -1;
        }
        params->items[params->count++] = pair;
    }
    if (more < 0) {
        return -1;
    }
    const struct param *length =
        params_find(params->items, params->count, content_length, sizeof content_length - 1);
    params->has_bad_length = parse_content_length(length, &params->content_length) < 0;
    return 0;
}

void reader_params_rebase(struct reader_params *params, const uint8_t *old_bytes,
                          const uint8_t *new_bytes) {
    for (size_t i = 0; i < params->count; i++) {
        struct param *param = &params->items[i];
        size_t name = (size_t)(param->name - (const char *)old_bytes);
        size_t value = (size_t)(param->value - (const char *)old_bytes);
        param->name = (const char *)new_bytes + name;
        param->value = (const char *)new_bytes + value;
    }
}
