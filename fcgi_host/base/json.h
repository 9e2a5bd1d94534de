/**
 * JSON: a writer that grows its text.  (json_read.h reads.)
 *
 * Follows: RFC 8259.  Strings are bytes that should be UTF-8; invalid bytes become U+FFFD.
 * @thread any: each object belongs to its caller
 * @tstate none
 */
#ifndef FCGI_HOST_BASE_JSON_H
#define FCGI_HOST_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Start with all zeroes; afterwards free `text`. */
struct json_writer {
    char *text;   /**< NUL-terminated; NULL while nothing was written */
    size_t bytes; /**< without the NUL */
    size_t room;
    bool failed; /**< out of memory: the text is not complete */
};

/* `key` is NULL in an array and for the outermost value. */
void json_begin_object(struct json_writer *writer, const char *key);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer, const char *key);
void json_end_array(struct json_writer *writer);
/** `text` NULL is written as null. */
void json_add_string(struct json_writer *writer, const char *key, const char *text);
/** A string that is not NUL-terminated, and may have any byte in it. */
void json_add_bytes(struct json_writer *writer, const char *key, const char *bytes, size_t size);
void json_add_integer(struct json_writer *writer, const char *key, int64_t value);
/** With three digits after the point, enough for milliseconds; in any locale. */
void json_add_number(struct json_writer *writer, const char *key, double value);
void json_add_null(struct json_writer *writer, const char *key);
/** A whole value that is JSON already. */
void json_add_raw(struct json_writer *writer, const char *key, const char *text, size_t bytes);

/** A newline behind the outermost value: for one that is a line of a log. */
void json_end_line(struct json_writer *writer);

/** "2026-11-24T13:53:01Z" @param seconds  CLOCK_REALTIME */
void json_time(int64_t seconds, char *ret_text, size_t text_bytes);

#endif
