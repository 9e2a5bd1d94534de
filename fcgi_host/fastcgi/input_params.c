#include "fcgi_host/fastcgi/input_params.h"

#include <stdlib.h>
#include <string.h>

/* Pairs that room is made for at first; web servers send 20 to 40. */
enum { PARAMS_START = 64 };

static int grow(struct input *input) {
    size_t capacity = input->param_capacity ? input->param_capacity * 2 : PARAMS_START;
    if (input->param_capacity >= INPUT_PARAMS_MAX) {
        return -1;
    }
    struct param *params = realloc(input->params, capacity * sizeof *params);
    if (!params) {
        return -1;
    }
    input->params = params;
    input->param_capacity = capacity;
    return 0;
}

/* RFC 3875 §4.1.2: digits, or empty; @return -1 for anything else */
static int parse_content_length(const struct param *param, int64_t *ret) {
    *ret = -1;
    if (!param || param->value_bytes == 0) {
        return 0;
    }
    int64_t length = 0;
    for (uint32_t i = 0; i < param->value_bytes; i++) {
        int digit = param->value[i] - '0';
        if (digit < 0 || digit > 9 || length > (INT64_MAX - digit) / 10) {
            return -1;
        }
        length = length * 10 + digit;
    }
    *ret = length;
    return 0;
}

int input_params_parse(struct input *input) {
    static const char content_length[] = "CONTENT_LENGTH";
    const uint8_t *position = input->bytes + input->params_begin;
    const uint8_t *end = input->bytes + input->params_end;
    struct param pair;
    int more;
    input->param_count = 0;
    while ((more = record_next_pair(&position, end, &pair)) > 0) {
        if (input->param_count == input->param_capacity && grow(input) < 0) {
            return -1;
        }
        input->params[input->param_count++] = pair;
    }
    if (more < 0) {
        return -1;
    }
    const struct param *length = input_params_find(input->params, input->param_count,
                                                   content_length, sizeof content_length - 1);
    input->has_bad_length = parse_content_length(length, &input->content_length) < 0;
    return 0;
}

void input_params_rebase(struct input *input, const uint8_t *old_bytes) {
    for (size_t i = 0; i < input->param_count; i++) {
        struct param *param = &input->params[i];
        size_t name = (size_t)(param->name - (const char *)old_bytes);
        size_t value = (size_t)(param->value - (const char *)old_bytes);
        param->name = (const char *)input->bytes + name;
        param->value = (const char *)input->bytes + value;
    }
}

const struct param *input_params_find(const struct param *params, size_t count, const char *name,
                                      size_t name_bytes) {
    for (size_t i = count; i > 0; i--) {
        const struct param *param = &params[i - 1];
        if (param->name_bytes == name_bytes && memcmp(param->name, name, name_bytes) == 0) {
            return param;
        }
    }
    return NULL;
}
