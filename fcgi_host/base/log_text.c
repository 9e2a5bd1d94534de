#include "fcgi_host/base/log_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char s_newline[] = "\n    ";

/** Length of the UTF-8 sequence at `bytes`, or 0 when it is not one (RFC 3629 §4). */
static size_t utf8_sequence(const unsigned char *bytes, size_t size) {
    unsigned char first = bytes[0];
    size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/** How many bytes of the text may stand as they are, from its start; 0: escape the first. */
static size_t plain_bytes(const unsigned char *bytes, size_t size) {
    if (bytes[0] < 0x80) {
        return bytes[0] >= 0x20 && bytes[0] != 0x7F;
    }
    size_t length = utf8_sequence(bytes, size);
    bool is_c1_control = length == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0;
    return is_c1_control ? 0 : length;
}

size_t log_text_escaped_bytes(const char *text, size_t size) {
    (void)text;
    /* The longest replacement of one byte. */
    return size * (sizeof s_newline - 1) + 1;
}

size_t log_text_escape(char *buffer, size_t buffer_size, const char *text, size_t size) {
    while (size > 0 && text[size - 1] == '\n') {
        size--;
    }
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const unsigned char *at = (const unsigned char *)text + i;
        size_t taken = plain_bytes(at, size - i);
        const char *piece = text + i;
        size_t piece_bytes = taken;
        char escape[8];
        if (taken == 0) {
            taken = 1;
            if (*at == '\n') {
                piece = s_newline;
                piece_bytes = sizeof s_newline - 1;
            } else {
                piece = escape;
                piece_bytes = (size_t)snprintf(escape, sizeof escape, "\\x%02x", *at);
            }
        }
        if (used + piece_bytes >= buffer_size) {
            break;
        }
        memcpy(buffer + used, piece, piece_bytes);
        used += piece_bytes;
        i += taken;
    }
    buffer[used] = '\0';
    return used;
}
