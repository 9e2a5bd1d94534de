/**
 * Parameters of a request as they lie in memory: pieces of received bytes, and the role.
 *
 * Follows: FastCGI 1.0 §3.4 (name-value pairs), §6 (roles).
 * @owns   the bytes are another's: of params, the connection's
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_FASTCGI_PARAMS_H
#define FCGI_HOST_FASTCGI_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** One name-value pair; not NUL-terminated, any bytes. */
struct param {
    const char *name;
    const char *value;
    uint32_t name_bytes;
    uint32_t value_bytes;
};

/** @param param  NULL: a parameter that was not sent, whose value is nothing
 *  @param value  not empty */
static inline bool param_is(const struct param *param, const char *value) {
    return param && param->value_bytes == strlen(value) &&
           memcmp(param->value, value, param->value_bytes) == 0;
}

/** A piece of a parameter, or of a static string. */
struct slice {
    const char *bytes;
    size_t size;
};

static inline struct slice slice_of(const char *text) {
    return (struct slice){text, strlen(text)};
}

enum request_role { ROLE_RESPONDER = 1, ROLE_AUTHORIZER = 2 };

/** The last of `count` params with this name, or NULL. Names are compared exactly. */
const struct param *params_find(const struct param *params, size_t count, const char *name,
                                size_t name_bytes);

#endif
