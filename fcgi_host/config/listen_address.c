#include "fcgi_host/config/listen_address.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int parse_mode(const char *text, size_t size, mode_t *ret_mode, struct error *err) {
    char *end;
    errno = 0;
    unsigned long mode = strtoul(text, &end, 8);
    if (errno || end == text || end != text + size || *text < '0' || mode > 0777) {
        return error_set(err, ERR_USAGE, "bad mode \"%.*s\": an octal number such as 0660",
                         (int)size, text);
    }
    *ret_mode = (mode_t)mode;
    return 0;
}

static int parse_name(const char *text, size_t size, char name[LISTEN_NAME_BYTES],
                      struct error *err) {
    if (size == 0 || size >= LISTEN_NAME_BYTES) {
        return error_set(err, ERR_USAGE, "bad user or group \"%.*s\"", (int)size, text);
    }
    memcpy(name, text, size);
    name[size] = '\0';
    return 0;
}

/** What follows a comma. @return 1, 0: it is none of the settings, -1: ERR_USAGE */
static int parse_setting(const char *text, size_t size, struct listen_address *address,
                         bool is_given[3], struct error *err) {
    static const char *const s_keys[] = {"mode=", "user=", "group="};
    size_t key = 0;
    while (key < 3 && strncmp(text, s_keys[key], strlen(s_keys[key])) != 0) {
        key++;
    }
    if (key == 3) {
        return 0;
    }
    if (is_given[key]) {
        return error_set(err, ERR_USAGE, "\"%s\" is given twice", s_keys[key]);
    }
    is_given[key] = true;
    text += strlen(s_keys[key]);
    size -= strlen(s_keys[key]);
    int rc = key > 0 ? parse_name(text, size, key == 1 ? address->user : address->group, err)
                     : parse_mode(text, size, &address->mode, err);
    return rc == 0 ? 1 : -1;
}

static int parse_unix(const char *text, struct listen_address *address, struct error *err) {
    bool is_given[3] = {false};
    size_t size = strlen(text);
    int is_setting = 1;
    address->kind = LISTEN_UNIX;
    address->mode = LISTEN_DEFAULT_MODE;
    while (is_setting) { /* from the end: the path may have commas */
        const char *comma = memrchr(text, ',', size);
        is_setting = comma ? parse_setting(comma + 1, (size_t)(text + size - comma) - 1, address,
                                           is_given, err)
                           : 0;
        if (is_setting < 0) {
            return -1;
        }
        size = is_setting ? (size_t)(comma - text) : size;
    }
    if (size == 0) {
        return error_set(err, ERR_USAGE, "\"unix:\" without a path");
    }
    if (size >= sizeof address->path) {
        return error_set(err, ERR_USAGE,
                         "socket path too long: %zu bytes, the system allows %zu: %.*s", size,
                         sizeof address->path - 1, (int)size, text);
    }
    memcpy(address->path, text, size);
    address->path[size] = '\0';
    return 0;
}

/** Of what is no Unix socket. */
static int refuse_settings(const char *text, struct error *err) {
    static const char *const s_settings[] = {",mode=", ",user=", ",group="};
    for (size_t i = 0; i < sizeof s_settings / sizeof s_settings[0]; i++) {
        if (strstr(text, s_settings[i])) {
            return error_set(err, ERR_USAGE, "bad address \"%s\": only a Unix socket takes %s",
                             text, s_settings[i]);
        }
    }
    return 0;
}

/** A decimal number from 0 to `max`, nothing else. @return it, or -1 */
static long parse_number(const char *text, long max) {
    if (*text < '0' || *text > '9') {
        return -1;
    }
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    return errno || *end || number > max ? -1 : number;
}

static int parse_tcp(const char *text, struct listen_address *address, struct error *err) {
    const char *colon = strrchr(text, ':');
    const char *host = text;
    address->kind = LISTEN_TCP;
    if (!colon) {
        return error_set(err, ERR_USAGE,
                         "bad address \"%s\": unix:/path, HOST:PORT, [V6]:PORT or fd:N", text);
    }
    size_t size = (size_t)(colon - text);
    if (*text == '[') {
        if (size < 3 || colon[-1] != ']') {
            return error_set(err, ERR_USAGE, "bad address \"%s\": [V6]:PORT", text);
        }
        host++;
        size -= 2;
        address->is_ipv6_literal = true;
    } else if (memchr(text, ':', size)) {
        return error_set(err, ERR_USAGE, "bad address \"%s\": an IPv6 address goes in brackets",
                         text);
    } else if (memchr(text, '/', size)) {
        return error_set(err, ERR_USAGE,
                         "bad address \"%s\": a socket's path begins with unix:", text);
    }
    if (size >= sizeof address->host) {
        return error_set(err, ERR_USAGE, "host name too long: \"%s\"", text);
    }
    if (parse_number(colon + 1, 65535) < 0 || strlen(colon + 1) >= sizeof address->port) {
        return error_set(err, ERR_USAGE, "bad port \"%s\": 0 (any that is free) to 65535",
                         colon + 1);
    }
    memcpy(address->host, host, size);
    address->host[size] = '\0';
    memcpy(address->port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

int listen_address_parse(const char *text, struct listen_address *ret_address, struct error *err) {
    struct listen_address address = {0};
    int rc = 0;
    if (strncmp(text, "unix:", 5) == 0) {
        rc = parse_unix(text + 5, &address, err);
    } else if (refuse_settings(text, err) != 0) {
        rc = -1;
    } else if (strncmp(text, "fd:", 3) == 0) {
        long fd = parse_number(text + 3, INT_MAX);
        address.kind = LISTEN_FD;
        address.fd = (int)fd;
        if (fd < 0) {
            rc = error_set(err, ERR_USAGE, "bad descriptor \"%s\": a number", text + 3);
        }
    } else {
        rc = parse_tcp(text, &address, err);
    }
    if (rc == 0) {
        *ret_address = address;
    }
    return rc;
}
