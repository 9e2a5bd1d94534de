#include "fcgi_host/config/option_kinds_internal.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/listen_address.h"

/* The field is a char *, malloc'ed; NULL: not set. */

int option_give_text(void *field, char *text, struct error *err) {
    if (!text) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    free(*(char **)field);
    *(char **)field = text;
    return 0;
}

void option_print_text(const void *field, const struct config_option *option, FILE *out) {
    const char *text = *(char *const *)field;
    if (text) {
        fprintf(out, "%s = %s\n", option->key, text);
    }
}

void option_clear_text(void *field) {
    free(*(char **)field);
    *(char **)field = NULL;
}

SET(address) {
    (void)option, (void)place;
    struct listen_address parsed;
    uid_t uid;
    gid_t gid;
    if (listen_address_parse(text, &parsed, err) != 0 ||
        (*parsed.user && identity_user_id(parsed.user, &uid, err) != 0) ||
        (*parsed.group && identity_group_id(parsed.group, &gid, err) != 0)) {
        return -1;
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(address);

SET(tcp_address) {
    (void)option, (void)place;
    struct listen_address parsed;
    if (listen_address_parse(text, &parsed, err) != 0) {
        return -1;
    }
    if (parsed.kind != LISTEN_TCP) {
        return error_set(err, ERR_USAGE, "bad address \"%s\": HOST:PORT, [V6]:PORT or :PORT", text);
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(tcp_address);

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool option_is_name(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '-' && text[i] != '.') {
            return false;
        }
    }
    return size > 0;
}

bool option_is_identifier(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(text[i]) && (i == 0 || !is_digit(text[i]))) {
            return false;
        }
    }
    return size > 0;
}

bool option_is_dotted(const char *text, size_t size) {
    for (;;) {
        const char *dot = memchr(text, '.', size);
        size_t part = dot ? (size_t)(dot - text) : size;
        if (!option_is_identifier(text, part)) {
            return false;
        }
        if (!dot) {
            return true;
        }
        text += part + 1;
        size -= part + 1;
    }
}

SET(url_path) {
    (void)option, (void)place;
    if (*text != '/') {
        return error_set(err, ERR_USAGE, "\"%s\" does not begin with /", text);
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(url_path);

/** Whether a segment of a path is one that no URL has after a web server normalised it. */
static bool is_odd_segment(const char *segment, size_t size) {
    return size == 0 || (size == 1 && segment[0] == '.') ||
           (size == 2 && segment[0] == '.' && segment[1] == '.');
}

/** "/blog/" becomes "/blog", "/" becomes "". */
SET(mount) {
    (void)option, (void)place;
    size_t size = strlen(text);
    if (size > 0 && *text != '/') {
        return error_set(err, ERR_USAGE, "\"%s\" does not begin with /", text);
    }
    while (size > 0 && text[size - 1] == '/') {
        size--;
    }
    for (size_t at = 0; at < size;) {
        size_t segment = strcspn(text + at + 1, "/");
        if (at + 1 + segment > size || is_odd_segment(text + at + 1, segment)) {
            return error_set(err, ERR_USAGE, "\"%s\" has an empty, \".\" or \"..\" segment", text);
        }
        at += 1 + segment;
    }
    return option_give_text(field, strndup(text, size), err);
}

static void print_mount(const void *field, const struct config_option *option, FILE *out) {
    const char *text = *(char *const *)field;
    if (text && *text) {
        fprintf(out, "%s = %s\n", option->key, text);
    }
}

const struct option_kind option_kind_mount = {
    .set = set_mount, .print = print_mount, .clear = option_clear_text};

/** Lower case, without port and final dot (RFC 9110 §4.2.3: host names have no case). */
SET(host) {
    (void)option, (void)place;
    size_t size = strlen(text);
    const char *colon = strrchr(text, ':');
    if (colon && colon[1 + strspn(colon + 1, "0123456789")] == '\0' &&
        (*text != '[' || (colon > text && colon[-1] == ']'))) {
        size = (size_t)(colon - text);
    }
    if (size > 1 && text[size - 1] == '.') {
        size--;
    }
    if (size == 0 || strcspn(text, " \t/*,") < size) {
        return error_set(err, ERR_USAGE, "\"%s\" is not one host name", text);
    }
    char *lower = strndup(text, size);
    for (char *c = lower; c && *c; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return option_give_text(field, lower, err);
}
TEXT_KIND(host);

SET(name) {
    (void)option, (void)place;
    if (!option_is_name(text, strlen(text))) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not a name: letters, digits, \"_\", \"-\" and \".\"", text);
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(name);

SET(identifier) {
    (void)option, (void)place;
    if (!option_is_identifier(text, strlen(text))) {
        return error_set(err, ERR_USAGE, "\"%s\" is not the name of a Python variable", text);
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(identifier);
