#include "fcgi_host/cgi/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/text.h"
#include "fcgi_host/cgi/reason.h"

/* Enough for any real length; more digits would not fit an int64_t. */
enum { CONTENT_LENGTH_DIGITS = 18 };

/* How much of a bad name or value an error message shows. */
enum { SHOWN_BYTES = 100 };

/* RFC 9110 §5.6.2: token characters. */
static const bool s_is_token[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0'] = true, ['1'] = true, ['2'] = true,
    ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
    ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
    ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,
    ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
    ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

enum header_kind {
    HEADER_PLAIN,
    HEADER_STATUS, /* RFC 3875 §6.3.3: not a header but the status */
    HEADER_LENGTH,
    /* PEP 3333, "Other HTTP Features": the server's.  What web servers make of these differs, up to
     * a body that is taken for chunked. */
    HEADER_HOP_BY_HOP,
    /* Of which the web server makes the body: nginx, Apache's mod_xsendfile, lighttpd. */
    HEADER_FILE,
    HEADER_LOCATION,
};

#define HEADER(name, kind)                                                                         \
    { name, sizeof(name) - 1, kind }
static const struct special_header {
    const char *name;
    size_t size;
    enum header_kind kind;
} s_special[] = {
    HEADER("content-length", HEADER_LENGTH),
    HEADER("status", HEADER_STATUS),
    HEADER("connection", HEADER_HOP_BY_HOP),
    HEADER("location", HEADER_LOCATION),
    HEADER("keep-alive", HEADER_HOP_BY_HOP),
    HEADER("proxy-authenticate", HEADER_HOP_BY_HOP),
    HEADER("proxy-authorization", HEADER_HOP_BY_HOP),
    HEADER("te", HEADER_HOP_BY_HOP),
    HEADER("trailer", HEADER_HOP_BY_HOP),
    HEADER("trailers", HEADER_HOP_BY_HOP),
    HEADER("transfer-encoding", HEADER_HOP_BY_HOP),
    HEADER("upgrade", HEADER_HOP_BY_HOP),
    HEADER("x-accel-redirect", HEADER_FILE),
    HEADER("x-lighttpd-send-file", HEADER_FILE),
    HEADER("x-sendfile", HEADER_FILE),
    HEADER("x-sendfile2", HEADER_FILE),
};

void response_init(struct response *response) {
    response->head = response->inline_head;
    response->capacity = sizeof response->inline_head;
    response->size = 0;
    response->content_length = -1;
    response->status = 0;
    response->status_bytes = 0;
    response->has_location = false;
    response->names_file = false;
    response->left_out = NULL;
}

void response_clear(struct response *response) {
    if (response->head != response->inline_head) {
        free(response->head);
    }
    response_init(response);
}

/* Room for `size` more bytes, or NULL. */
static char *reserve_bytes(struct response *response, size_t size, struct error *err) {
    if (size > response->capacity - response->size) {
        size_t capacity = 2 * response->capacity + size;
        bool was_inline = response->head == response->inline_head;
        char *head = realloc(was_inline ? NULL : response->head, capacity);
        if (!head) {
            error_set(err, ERR_MEMORY, "out of memory for the response's headers");
            return NULL;
        }
        if (was_inline) {
            memcpy(head, response->inline_head, response->size);
        }
        response->head = head;
        response->capacity = capacity;
    }
    return response->head + response->size;
}

static bool has_control_character(struct slice text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static int shown_bytes(struct slice text) {
    return text.size < SHOWN_BYTES ? (int)text.size : SHOWN_BYTES;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* PEP 3333 wants a reason; of a status without one, other servers add it or let it pass. */
static int add_status(struct response *response, struct slice status, struct error *err) {
    static const char start[] = "Status: ";
    const char *reason = status.size == 3 ? reason_of(response->status) : NULL;
    size_t reason_bytes = reason ? strlen(reason) + 1 : 0;
    char *to = reserve_bytes(response, sizeof start - 1 + status.size + reason_bytes + 2, err);
    if (!to) {
        return -1;
    }
    memcpy(to, start, sizeof start - 1);
    to += sizeof start - 1;
    memcpy(to, status.bytes, status.size);
    to += status.size;
    if (reason) {
        *to++ = ' ';
        memcpy(to, reason, reason_bytes - 1);
        to += reason_bytes - 1;
    }
    memcpy(to, "\r\n", 2);
    response->status_bytes = sizeof start - 1 + status.size + reason_bytes + 2;
    response->size += response->status_bytes;
    return 0;
}

int response_set_status(struct response *response, struct slice status, struct error *err) {
    response_clear(response);
    const char *s = status.bytes;
    if (status.size < 3 || s[0] < '1' || s[0] > '9' || !is_digit(s[1]) || !is_digit(s[2]) ||
        (status.size > 3 && s[3] != ' ')) {
        return error_set(err, ERR_PROTOCOL,
                         "the status must look like '200 OK' (three digits, a space, a reason), "
                         "not '%.*s'",
                         shown_bytes(status), s);
    }
    if (s[0] == '1') {
        /* RFC 9110 §15.2: a final status follows; a web server would take the next response of the
         * connection for it. */
        return error_set(
            err, ERR_PROTOCOL,
            "the status '%.*s' announces another one, which an application cannot send",
            shown_bytes(status), s);
    }
    if (has_control_character(status)) {
        return error_set(err, ERR_PROTOCOL, "the status '%.*s' contains a control character",
                         shown_bytes(status), s);
    }
    response->status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
    if (add_status(response, status, err) < 0) {
        response_clear(response);
        return -1;
    }
    return 0;
}

static const struct special_header *find_special(struct slice name) {
    for (size_t i = 0; i < sizeof s_special / sizeof *s_special; i++) {
        if (name.size == s_special[i].size &&
            text_is_same_word(name.bytes, s_special[i].name, name.size)) {
            return &s_special[i];
        }
    }
    return NULL;
}

static int check_name(struct slice name, struct error *err) {
    for (size_t i = 0; i < name.size; i++) {
        if (!s_is_token[(unsigned char)name.bytes[i]]) {
            return error_set(err, ERR_PROTOCOL,
                             "the header name '%.*s' contains a character that names cannot have",
                             shown_bytes(name), name.bytes);
        }
    }
    if (name.size == 0) {
        return error_set(err, ERR_PROTOCOL, "a header name is empty");
    }
    return 0;
}

static int set_content_length(struct response *response, struct slice value, struct error *err) {
    int64_t length = 0;
    bool is_number = value.size > 0 && value.size <= CONTENT_LENGTH_DIGITS;
    for (size_t i = 0; is_number && i < value.size; i++) {
        is_number = is_digit(value.bytes[i]);
        length = 10 * length + (value.bytes[i] - '0');
    }
    if (!is_number) {
        return error_set(err, ERR_PROTOCOL, "Content-Length must be a number, not '%.*s'",
                         shown_bytes(value), value.bytes);
    }
    if (response->content_length >= 0 && response->content_length != length) {
        return error_set(err, ERR_PROTOCOL, "Content-Length is given twice: %" PRId64 ", %" PRId64,
                         response->content_length, length);
    }
    response->content_length = length;
    return 0;
}

static int add_line(struct response *response, struct slice name, struct slice value,
                    struct error *err) {
    char *to = reserve_bytes(response, name.size + value.size + 4, err);
    if (!to) {
        return -1;
    }
    memcpy(to, name.bytes, name.size);
    memcpy(to + name.size, ": ", 2);
    memcpy(to + name.size + 2, value.bytes, value.size);
    memcpy(to + name.size + 2 + value.size, "\r\n", 2);
    response->size += name.size + value.size + 4;
    return 0;
}

int response_add_header(struct response *response, struct slice name, struct slice value,
                        struct error *err) {
    if (check_name(name, err) < 0) {
        return -1;
    }
    if (has_control_character(value)) {
        return error_set(err, ERR_PROTOCOL,
                         "the value of the header '%.*s' contains a control "
                         "character",
                         shown_bytes(name), name.bytes);
    }
    const struct special_header *special = find_special(name);
    switch (special ? special->kind : HEADER_PLAIN) {
    case HEADER_STATUS:
        return error_set(err, ERR_PROTOCOL,
                         "an application must not send the header '%.*s': the status is an "
                         "argument of its own",
                         shown_bytes(name), name.bytes);
    case HEADER_LENGTH:
        return set_content_length(response, value, err);
    case HEADER_HOP_BY_HOP:
        response->left_out = special->name;
        return 0;
    case HEADER_FILE:
        response->names_file = true;
        break;
    case HEADER_LOCATION:
        response->has_location = true;
        break;
    case HEADER_PLAIN:
        break;
    }
    return add_line(response, name, value, err);
}

bool response_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

/* Make the first line the last one. */
static int move_status_to_end(struct response *response, struct error *err) {
    size_t size = response->status_bytes;
    char *to = reserve_bytes(response, size, err);
    if (!to) {
        return -1;
    }
    memcpy(to, response->head, size);
    memmove(response->head, response->head + size, response->size);
    return 0;
}

int response_end_head(struct response *response, struct error *err) {
    enum { LINE_BYTES = sizeof "Content-Length: \r\n\r\n" + 20 };
    if (response->has_location && move_status_to_end(response, err) < 0) {
        return -1;
    }
    char *to = reserve_bytes(response, LINE_BYTES, err);
    if (!to) {
        return -1;
    }
    /* RFC 9110 §8.6: not with 1xx and 204; with 304 it is the length of a 200's body. */
    bool allowed = response_status_has_body(response->status) || response->status == 304;
    if (response->content_length >= 0 && allowed) {
        response->size += (size_t)snprintf(to, LINE_BYTES, "Content-Length: %" PRId64 "\r\n\r\n",
                                           response->content_length);
    } else {
        memcpy(to, "\r\n", 2);
        response->size += 2;
    }
    return 0;
}
