#include "fcgi_host/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/base/utf8.h"

/** Enough for a line of a log. */
enum { FIRST_ROOM = 1024 };

static void append_bytes(struct json_writer *writer, const char *bytes, size_t count) {
    if (writer->failed) {
        return;
    }
    if (writer->bytes + count + 1 > writer->room) {
        size_t room = (writer->bytes + count + 1) * 2;
        room = room < FIRST_ROOM ? FIRST_ROOM : room;
        char *text = realloc(writer->text, room);
        if (!text) {
            writer->failed = true;
            return;
        }
        writer->text = text;
        writer->room = room;
    }
    memcpy(writer->text + writer->bytes, bytes, count);
    writer->bytes += count;
    writer->text[writer->bytes] = '\0';
}

static void append_text(struct json_writer *writer, const char *text) {
    append_bytes(writer, text, strlen(text));
}

static void append_escaped(struct json_writer *writer, unsigned char byte) {
    char escape[8];
    switch (byte) {
    case '"':
        append_text(writer, "\\\"");
        break;
    case '\\':
        append_text(writer, "\\\\");
        break;
    case '\n':
        append_text(writer, "\\n");
        break;
    case '\t':
        append_text(writer, "\\t");
        break;
    default:
        snprintf(escape, sizeof escape, "\\u%04x", byte);
        append_text(writer, escape);
    }
}

static void append_quoted_bytes(struct json_writer *writer, const char *text, size_t size) {
    append_text(writer, "\"");
    for (const char *end = text + size; text < end;) {
        size_t plain = text_plain_bytes(text, (size_t)(end - text), '"');
        if (plain > 0) {
            append_bytes(writer, text, plain);
            text += plain;
            continue;
        }
        unsigned char byte = (unsigned char)*text;
        size_t length = utf8_sequence(text, (size_t)(end - text));
        if (length == 0) {
            append_text(writer, "\\ufffd");
            text++;
        } else if (utf8_is_c1_control(text, length)) {
            append_escaped(writer, (unsigned char)text[1]);
            text += length;
        } else if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f) {
            append_escaped(writer, byte);
            text++;
        } else {
            append_bytes(writer, text, length);
            text += length;
        }
    }
    append_text(writer, "\"");
}

static void append_quoted(struct json_writer *writer, const char *text) {
    append_quoted_bytes(writer, text, strlen(text));
}

/** What precedes every value: a comma unless it is the first, and its key. */
static void append_key(struct json_writer *writer, const char *key) {
    if (writer->bytes > 0) {
        char last = writer->text[writer->bytes - 1];
        if (last != '{' && last != '[') {
            append_text(writer, ",");
        }
    }
    if (key) {
        append_quoted(writer, key);
        append_text(writer, ":");
    }
}

void json_begin_object(struct json_writer *writer, const char *key) {
    append_key(writer, key);
    append_text(writer, "{");
}

void json_end_object(struct json_writer *writer) {
    append_text(writer, "}");
}

void json_begin_array(struct json_writer *writer, const char *key) {
    append_key(writer, key);
    append_text(writer, "[");
}

void json_end_array(struct json_writer *writer) {
    append_text(writer, "]");
}

void json_add_string(struct json_writer *writer, const char *key, const char *text) {
    if (!text) {
        json_add_null(writer, key);
        return;
    }
    append_key(writer, key);
    append_quoted(writer, text);
}

void json_add_bytes(struct json_writer *writer, const char *key, const char *bytes, size_t size) {
    append_key(writer, key);
    append_quoted_bytes(writer, bytes, size);
}

void json_end_line(struct json_writer *writer) {
    append_text(writer, "\n");
}

void json_add_integer(struct json_writer *writer, const char *key, int64_t value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    append_key(writer, key);
    append_text(writer, digits);
}

void json_add_number(struct json_writer *writer, const char *key, double value) {
    char digits[64];
    locale_t before = c_locale_enter();
    snprintf(digits, sizeof digits, "%.3f", value);
    c_locale_leave(before);
    append_key(writer, key);
    append_text(writer, digits);
}

void json_add_null(struct json_writer *writer, const char *key) {
    append_key(writer, key);
    append_text(writer, "null");
}

void json_add_raw(struct json_writer *writer, const char *key, const char *text, size_t bytes) {
    append_key(writer, key);
    append_bytes(writer, text, bytes);
}

void json_time(int64_t seconds, char *text, size_t text_bytes) {
    time_t time = (time_t)seconds;
    struct tm broken_down;
    gmtime_r(&time, &broken_down);
    strftime(text, text_bytes, "%Y-%m-%dT%H:%M:%SZ", &broken_down);
}
