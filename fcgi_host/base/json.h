/**
 * JSON: a writer that grows its text, and a reader for what such a writer wrote.
 *
 * The status has one model, its JSON document: the table, the page and the metrics are made by
 * reading it, so that no two of them can disagree.
 *
 * Follows: RFC 8259.  Strings are bytes that should be UTF-8; what is not becomes U+FFFD.
 * @thread any: each object belongs to its caller
 * @tstate none
 */
#ifndef FCGI_HOST_BASE_JSON_H
#define FCGI_HOST_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

/* ---- Writing ---- */

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
void json_string(struct json_writer *writer, const char *key, const char *text);
void json_integer(struct json_writer *writer, const char *key, int64_t value);
/** With three digits after the point, enough for milliseconds. */
void json_number(struct json_writer *writer, const char *key, double value);
void json_null(struct json_writer *writer, const char *key);
/** A whole value that is JSON already. */
void json_raw(struct json_writer *writer, const char *key, const char *text, size_t bytes);

/* ---- Reading ---- */

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    char *key;          /**< in an object */
    char *string;       /**< JSON_STRING, NUL-terminated UTF-8 */
    double number;      /**< JSON_NUMBER */
    struct json *child; /**< first of an array or object */
    struct json *next;  /**< after this one in the same array or object */
};

/** @return the document, or NULL: ERR_PROTOCOL (not JSON, or nested too deep), ERR_MEMORY
 *  @owns the caller: json_free() */
struct json *json_parse(const char *text, size_t bytes, struct error *err);
void json_free(struct json *json);

/* Each takes NULL, and gives the default for a value that is absent or of another type. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_get_string(const struct json *object, const char *key, const char *otherwise);
double json_get_number(const struct json *object, const char *key, double otherwise);

#endif
