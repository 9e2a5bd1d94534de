#include "fcgi_host/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/utf8.h"

/** Deeper than any document of ours; bounds the recursion. */
enum { MAX_DEPTH = 32 };

struct parser {
    const char *at, *end;
    struct error *err;
};

static struct json *parse_value(struct parser *parser, unsigned depth);

static int fail(struct parser *parser, const char *what) {
    return error_set(parser->err, ERR_PROTOCOL, "not JSON: %s", what);
}

static void skip_space(struct parser *parser) {
    while (parser->at < parser->end && strchr(" \t\r\n", *parser->at)) {
        parser->at++;
    }
}

static bool take(struct parser *parser, char byte) {
    skip_space(parser);
    if (parser->at < parser->end && *parser->at == byte) {
        parser->at++;
        return true;
    }
    return false;
}

static bool take_word(struct parser *parser, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(parser->end - parser->at) >= length && memcmp(parser->at, word, length) == 0) {
        parser->at += length;
        return true;
    }
    return false;
}

/** The four digits after "\u". @return -1 when they are not hexadecimal */
static long take_hex(struct parser *parser) {
    if (parser->end - parser->at < 4) {
        return -1;
    }
    char digits[5] = {0};
    memcpy(digits, parser->at, 4);
    char *rest;
    long value = strtol(digits, &rest, 16);
    parser->at += 4;
    return *rest || digits[0] == '-' || digits[0] == '+' || digits[0] == ' ' ? -1 : value;
}

/** What follows a backslash, as UTF-8. @return its length, 0 when it is no escape */
static size_t take_escape(struct parser *parser, char bytes[4]) {
    static const char s_from[] = "\"\\/bfnrt", s_to[] = "\"\\/\b\f\n\r\t";
    if (parser->at == parser->end) {
        return 0;
    }
    char kind = *parser->at++;
    const char *simple = kind ? strchr(s_from, kind) : NULL;
    if (simple) {
        bytes[0] = s_to[simple - s_from];
        return 1;
    }
    long code = kind == 'u' ? take_hex(parser) : -1;
    if (code >= 0xd800 && code <= 0xdbff && take_word(parser, "\\u")) {
        long low = take_hex(parser);
        code =
            low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00 : -1;
    }
    if (code <= 0 || (code >= 0xd800 && code <= 0xdfff)) {
        return 0; /* U+0000 too: our strings end with it */
    }
    return utf8_encode((unsigned)code, bytes);
}

static char *parse_string(struct parser *parser) {
    if (!take(parser, '"')) {
        fail(parser, "a string was expected");
        return NULL;
    }
    /* An escape is never shorter than what it stands for, so the rest of the text bounds it. */
    const char *quote = parser->at;
    while (quote < parser->end && *quote != '"') {
        quote += *quote == '\\' && quote + 1 < parser->end ? 2 : 1;
    }
    char *string = malloc((size_t)(quote - parser->at) + 1);
    if (!string) {
        error_set(parser->err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    size_t bytes = 0;
    while (parser->at < parser->end && *parser->at != '"') {
        if (*parser->at != '\\') {
            string[bytes++] = *parser->at++;
            continue;
        }
        parser->at++;
        char decoded[4];
        size_t length = take_escape(parser, decoded);
        if (length == 0) {
            fail(parser, "a bad escape");
            free(string);
            return NULL;
        }
        memcpy(string + bytes, decoded, length);
        bytes += length;
    }
    string[bytes] = '\0';
    if (!take(parser, '"')) {
        fail(parser, "a string without an end");
        free(string);
        return NULL;
    }
    return string;
}

static int parse_members(struct parser *parser, struct json *parent, char close, unsigned depth) {
    struct json **last = &parent->child;
    if (take(parser, close)) {
        return 0;
    }
    do {
        char *key = NULL;
        if (parent->type == JSON_OBJECT) {
            key = parse_string(parser);
            if (!key) {
                return -1;
            }
            if (!take(parser, ':')) {
                free(key);
                return fail(parser, "a colon was expected");
            }
        }
        *last = parse_value(parser, depth + 1);
        if (!*last) {
            free(key);
            return -1;
        }
        (*last)->key = key;
        last = &(*last)->next;
    } while (take(parser, ','));
    return take(parser, close) ? 0 : fail(parser, "a comma or the end was expected");
}

static int parse_number(struct parser *parser, struct json *value) {
    char digits[64];
    size_t count = 0;
    while (parser->at < parser->end && count < sizeof digits - 1 &&
           strchr("+-.0123456789eE", *parser->at)) {
        digits[count++] = *parser->at++;
    }
    digits[count] = '\0';
    char *rest;
    value->type = JSON_NUMBER;
    value->number = strtod(digits, &rest);
    return count == 0 || *rest ? fail(parser, "a value was expected") : 0;
}

static int parse_into(struct parser *parser, struct json *value, unsigned depth) {
    if (take(parser, '{')) {
        value->type = JSON_OBJECT;
        return parse_members(parser, value, '}', depth);
    }
    if (take(parser, '[')) {
        value->type = JSON_ARRAY;
        return parse_members(parser, value, ']', depth);
    }
    if (parser->at < parser->end && *parser->at == '"') {
        value->type = JSON_STRING;
        value->string = parse_string(parser);
        return value->string ? 0 : -1;
    }
    if (take_word(parser, "null")) {
        value->type = JSON_NULL;
        return 0;
    }
    if (take_word(parser, "true")) {
        value->type = JSON_TRUE;
        return 0;
    }
    if (take_word(parser, "false")) {
        value->type = JSON_FALSE;
        return 0;
    }
    return parse_number(parser, value);
}

static struct json *parse_value(struct parser *parser, unsigned depth) {
    if (depth > MAX_DEPTH) {
        fail(parser, "nested too deep");
        return NULL;
    }
    struct json *value = calloc(1, sizeof *value);
    if (!value) {
        error_set(parser->err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (parse_into(parser, value, depth)) {
        json_free(value);
        return NULL;
    }
    return value;
}

struct json *json_parse(const char *text, size_t bytes, struct error *err) {
    struct parser parser = {.at = text, .end = text + bytes, .err = err};
    struct json *json = parse_value(&parser, 0);
    skip_space(&parser);
    if (json && parser.at != parser.end) {
        fail(&parser, "something follows the document");
        json_free(json);
        return NULL;
    }
    return json;
}

void json_free(struct json *json) {
    while (json) {
        struct json *next = json->next;
        json_free(json->child);
        free(json->key);
        free(json->string);
        free(json);
        json = next;
    }
}

const struct json *json_get(const struct json *object, const char *key) {
    if (!object || object->type != JSON_OBJECT) {
        return NULL;
    }
    for (const struct json *member = object->child; member; member = member->next) {
        if (strcmp(member->key, key) == 0) {
            return member;
        }
    }
    return NULL;
}

const char *json_get_string(const struct json *object, const char *key, const char *otherwise) {
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_STRING ? member->string : otherwise;
}

double json_get_number(const struct json *object, const char *key, double otherwise) {
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_NUMBER ? member->number : otherwise;
}
