#include "fcgi_host/config/listen_address.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int parse_mode(const char *text, mode_t *ret_mode, struct error *err) {
    char *end;
    errno = 0;
    unsigned long mode = strtoul(text, &end, 8);
    if (errno || end == text || *end || *text == '-' || mode > 0777) {
        return error_set(err, ERR_USAGE, "bad mode \"%s\": an octal number such as 0660", text);
    }
    *ret_mode = (mode_t)mode;
    return 0;
}

static int parse_unix(const char *text, struct listen_address *address, struct error *err) {
    static const char s_mode[] = ",mode=";
    size_t size = strlen(text);
    const char *comma = strrchr(text, ',');
    address->kind = LISTEN_UNIX;
    address->mode = LISTEN_DEFAULT_MODE;
    if (comma && strncmp(comma, s_mode, sizeof s_mode - 1) == 0) {
        if (parse_mode(comma + sizeof s_mode - 1, &address->mode, err) != 0) {
            return -1;
        }
        size = (size_t)(comma - text);
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
