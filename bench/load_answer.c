#include "bench/load_answer.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

enum { REQUEST_ID = 1, STATUS_OK = 200 };

const char *const load_fault_names[FAULT_COUNT] = {
    "none", "connect", "closed", "record", "protocol", "status", "length", "content",
};

void load_answer_begin(struct load_answer *answer, const struct load_expected *expected) {
    answer->expected = expected;
    answer->header_bytes = answer->content_left = answer->padding_left = 0;
    answer->end_bytes = answer->head_bytes = answer->body_bytes = 0;
    answer->has_head = answer->has_begun = false;
    answer->right = (1u << expected->count) - 1;
}

static void take_body(struct load_answer *answer, const uint8_t *bytes, size_t size) {
    for (unsigned i = 0; i < answer->expected->count; i++) {
        const struct load_text *text = &answer->expected->texts[i];
        bool is_right = size <= text->size && answer->body_bytes <= text->size - size &&
                        (!text->bytes || size == 0 ||
                         memcmp(text->bytes + answer->body_bytes, bytes, size) == 0);
        if (!is_right) {
            answer->right &= ~(1u << i);
        }
    }
    answer->body_bytes += size;
}

/* The header's bytes among these. @return how many, or -1 when it is too long */
static ssize_t take_head(struct load_answer *answer, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (answer->head_bytes == LOAD_HEAD_BYTES) {
            return -1;
        }
        answer->head[answer->head_bytes++] = (char)bytes[i];
        answer->head[answer->head_bytes] = '\0';
        const char *end = answer->head + answer->head_bytes;
        if (bytes[i] == '\n' &&
            ((answer->head_bytes >= 2 && end[-2] == '\n') ||
             (answer->head_bytes >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0))) {
            answer->has_head = true;
            return (ssize_t)i + 1;
        }
    }
    return (ssize_t)size;
}

static int take_content(struct load_answer *answer, const uint8_t *bytes, size_t size) {
    if (answer->record.type == FCGI_STDOUT) {
        ssize_t head = answer->has_head ? 0 : take_head(answer, bytes, size);
        if (head < 0) {
            return -1;
        }
        take_body(answer, bytes + head, size - (size_t)head);
    } else if (answer->record.type == FCGI_END_REQUEST) {
        memcpy(answer->end + answer->end_bytes, bytes, size);
        answer->end_bytes += size;
    }
    return 0;
}

static int take_header(struct load_answer *answer) {
    struct record_header *record = &answer->record;
    record_decode_header(answer->header, record);
    bool is_end = record->type == FCGI_END_REQUEST;
    if (record->version != FCGI_VERSION_1 || record->id != REQUEST_ID ||
        (!is_end && record->type != FCGI_STDOUT && record->type != FCGI_STDERR) ||
        (is_end && record->content_bytes != sizeof answer->end)) {
        return -1;
    }
    answer->content_left = record->content_bytes;
    answer->padding_left = record->padding_bytes;
    return 0;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

int load_answer_take(struct load_answer *answer, const uint8_t *bytes, size_t size) {
    const uint8_t *end = bytes + size;
    answer->has_begun = true;
    while (bytes < end) {
        size_t n;
        if (answer->header_bytes < RECORD_HEADER_BYTES) {
            n = least(RECORD_HEADER_BYTES - answer->header_bytes, (size_t)(end - bytes));
            memcpy(answer->header + answer->header_bytes, bytes, n);
            answer->header_bytes += n;
            bytes += n;
            if (answer->header_bytes < RECORD_HEADER_BYTES) {
                return 0;
            }
            if (take_header(answer) < 0) {
                return -1;
            }
        }
        n = least(answer->content_left, (size_t)(end - bytes));
        if (n > 0 && take_content(answer, bytes, n) < 0) {
            return -1;
        }
        answer->content_left -= n;
        bytes += n;
        n = least(answer->padding_left, (size_t)(end - bytes));
        answer->padding_left -= n;
        bytes += n;
        if (answer->content_left == 0 && answer->padding_left == 0) {
            answer->header_bytes = 0;
            if (answer->record.type == FCGI_END_REQUEST) {
                return bytes == end ? 1 : -1;
            }
        }
    }
    return 0;
}

/* RFC 3875 §6.3.3: without the field it is 200. */
static long status_of(const char *head) {
    for (const char *line = head; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, "Status:", 7) == 0) {
            return strtol(line + 7, NULL, 10);
        }
    }
    return STATUS_OK;
}

enum load_fault load_answer_judge(const struct load_answer *answer, unsigned *ret_text) {
    const struct load_expected *expected = answer->expected;
    enum load_fault fault = FAULT_LENGTH;
    if (answer->end[4] != FCGI_REQUEST_COMPLETE) {
        return FAULT_PROTOCOL;
    }
    if (!answer->has_head || status_of(answer->head) != STATUS_OK) {
        return FAULT_STATUS;
    }
    for (unsigned i = 0; i < expected->count; i++) {
        if (expected->texts[i].size == answer->body_bytes) {
            if (answer->right & 1u << i) {
                *ret_text = i;
                return FAULT_NONE;
            }
            fault = FAULT_CONTENT;
        }
    }
    if (expected->count == 0) {
        *ret_text = 0;
        return FAULT_NONE;
    }
    return fault;
}
