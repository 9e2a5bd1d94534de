#include "fcgi_host/base/log_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fcgi_host/base/utf8.h"

static const char s_newline[] = "\n    ";

/** How many bytes of the text may stand as they are, from its start; 0: escape the first. */
static size_t plain_bytes(const unsigned char *bytes, size_t size) {
    if (bytes[0] < 0x80) {
        return bytes[0] >= 0x20 && bytes[0] != 0x7F;
    }
    size_t length = utf8_sequence((const char *)bytes, size);
    return utf8_is_c1_control((const char *)bytes, length) ? 0 : length;
}

size_t log_text_escaped_bytes(const char *text, size_t size) {
    (void)text;
    /* The longest replacement of one byte. */
    return size * (sizeof s_newline - 1) + 1;
}

static size_t escape_text(char *buffer, size_t buffer_size, const char *text, size_t size,
                          bool is_word) {
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const unsigned char *at = (const unsigned char *)text + i;
        size_t taken = is_word && *at == ' ' ? 0 : plain_bytes(at, size - i);
        const char *piece = text + i;
        size_t piece_bytes = taken;
        char escaped[8];
        if (taken == 0) {
            taken = 1;
            if (*at == '\n' && !is_word) {
                piece = s_newline;
                piece_bytes = sizeof s_newline - 1;
            } else {
                piece = escaped;
                piece_bytes = (size_t)snprintf(escaped, sizeof escaped, "\\x%02x", *at);
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

void log_text_time(char text[LOG_TEXT_TIME_BYTES], time_t seconds) {
    enum { DAY_S = 86400, DAYS_OF_400_YEARS = 146097, DAYS_FROM_0000_03_01_TO_1970 = 719468 };
    /* Years that begin in March have their leap day at the end. */
    unsigned long days = (unsigned long)seconds / DAY_S + DAYS_FROM_0000_03_01_TO_1970;
    unsigned long second = (unsigned long)seconds % DAY_S;
    unsigned long era = days / DAYS_OF_400_YEARS, day = days % DAYS_OF_400_YEARS;
    unsigned long year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= year * 365 + year / 4 - year / 100;
    unsigned long month = (5 * day + 2) / 153; /* 0: March */
    day -= (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    month = month < 10 ? month + 3 : month - 9;
    snprintf(text, LOG_TEXT_TIME_BYTES, "%04lu-%02lu-%02luT%02lu:%02lu:%02lu", year, month, day + 1,
             second / 3600, second / 60 % 60, second % 60);
}

void log_text_time_ms(char text[LOG_TEXT_TIME_MS_BYTES]) {
    struct timespec now;
    char seconds[LOG_TEXT_TIME_BYTES];
    clock_gettime(CLOCK_REALTIME, &now);
    log_text_time(seconds, now.tv_sec);
    snprintf(text, LOG_TEXT_TIME_MS_BYTES, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

size_t log_text_escape(char *buffer, size_t buffer_size, const char *text, size_t size) {
    while (size > 0 && text[size - 1] == '\n') {
        size--;
    }
    return escape_text(buffer, buffer_size, text, size, false);
}

size_t log_text_escape_word(char *buffer, size_t buffer_size, const char *text, size_t size) {
    return escape_text(buffer, buffer_size, text, size, true);
}
