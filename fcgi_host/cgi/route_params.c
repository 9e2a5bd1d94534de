#include "fcgi_host/cgi/route_params.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/** The parameters that matter, and where each goes. */
static const struct {
    const char *name;
    size_t size;
    size_t offset;
} s_wanted[] = {
#define WANT(text, field)                                                                          \
    { text, sizeof text - 1, offsetof(struct route_params, field) }
    WANT("HTTP_HOST", http_host),
    WANT("PATH_INFO", path_info),
    WANT("SERVER_NAME", server_name),
    WANT("SCRIPT_NAME", script_name),
    WANT("REQUEST_URI", request_uri),
    WANT("DOCUMENT_URI", document_uri),
    WANT("FCGI_HOST_APP", host_app),
    WANT("SERVER_SOFTWARE", server_software),
    WANT("SCRIPT_FILENAME", script_filename),
    WANT("CONTEXT_DOCUMENT_ROOT", context_document_root),
#undef WANT
};

static struct slice *field_named(struct route_params *params, const char *name, size_t size) {
    for (size_t i = 0; i < sizeof s_wanted / sizeof *s_wanted; i++) {
        if (s_wanted[i].size == size && memcmp(s_wanted[i].name, name, size) == 0) {
            return (struct slice *)((char *)params + s_wanted[i].offset);
        }
    }
    return NULL;
}

static bool slices_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

/** Cut at the first `c`. */
static struct slice cut_before(struct slice slice, char c) {
    const char *end = slice.size ? memchr(slice.bytes, c, slice.size) : NULL;
    return end ? (struct slice){slice.bytes, (size_t)(end - slice.bytes)} : slice;
}

/** Skip "scheme://authority" (RFC 9112 §3.2.2, absolute-form). */
static struct slice without_authority(struct slice uri) {
    const char *colon =
        uri.size && *uri.bytes != '/' ? memmem(uri.bytes, uri.size, "://", 3) : NULL;
    if (!colon) {
        return uri;
    }
    const char *end = uri.bytes + uri.size;
    const char *path = memchr(colon + 3, '/', (size_t)(end - colon) - 3);
    return path ? (struct slice){path, (size_t)(end - path)} : (struct slice){"/", 1};
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t route_params_percent_decode(struct slice in, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < in.size; i++) {
        int high = in.bytes[i] == '%' && i + 2 < in.size ? hex_digit(in.bytes[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.bytes[i + 2]) : -1;
        out[used++] = low >= 0 ? (char)(high * 16 + low) : in.bytes[i];
        i += low >= 0 ? 2 : 0;
    }
    return used;
}

/** Drop "." segments, ".." segments with the one before, and doubled slashes, as the web servers
 *  do before they choose what to serve (RFC 3986 §5.2.4). @return bytes left */
static size_t remove_dot_segments(char *path, size_t size) {
    size_t used = 0;
    if (size == 0 || path[0] != '/') {
        return size; /* "OPTIONS *" */
    }
    for (size_t at = 0; at < size;) {
        while (at < size && path[at] == '/') {
            at++;
        }
        const char *slash = memchr(path + at, '/', size - at);
        size_t segment = slash ? (size_t)(slash - path) - at : size - at;
        /* A segment's bytes are below `size`, which the analyser does not follow. */
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        bool is_dot = segment == 1 && path[at] == '.';
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        bool is_up = segment == 2 && path[at] == '.' && path[at + 1] == '.';
        if (is_up) {
            const char *parent = memrchr(path, '/', used);
            used = parent ? (size_t)(parent - path) : 0;
        } else if (!is_dot && segment > 0) {
            path[used++] = '/';
            memmove(path + used, path + at, segment);
            used += segment;
        }
        at += segment;
        if (at >= size && (is_up || is_dot || segment == 0)) {
            path[used++] = '/'; /* the path named a folder */
        }
    }
    return used;
}

/** The full path from REQUEST_URI, as the servers decode it. */
static int take_request_uri(struct route_params *params) {
    struct slice uri = cut_before(without_authority(params->request_uri), '?');
    params->decoded_uri = malloc(uri.size + 1);
    if (!params->decoded_uri) {
        return -1;
    }
    size_t size = route_params_percent_decode(uri, params->decoded_uri);
    size = remove_dot_segments(params->decoded_uri, size);
    params->path_info = (struct slice){params->decoded_uri, size};
    return 0;
}

int route_params_collect(const struct request *request, struct route_params *ret_params) {
    struct route_params params = {.role = request->role};
    for (size_t i = 0; i < request->param_count; i++) {
        const struct param *param = &request->params[i];
        struct slice *to = field_named(&params, param->name, param->name_bytes);
        if (to) {
            *to = (struct slice){param->value, param->value_bytes};
        }
    }
    if (params.path_info.size > 0 && slices_equal(params.path_info, params.document_uri)) {
        /* nginx with PATH_INFO = $fastcgi_script_name beside the stock SCRIPT_NAME, which is the
         * same once more. */
        params.script_name.size = 0;
    }
    if (params.script_name.size == 0 && params.path_info.size == 0 && params.request_uri.size > 0 &&
        take_request_uri(&params) != 0) { /* an authorizer gets neither */
        return -1;
    }
    *ret_params = params;
    return 0;
}

struct slice route_params_host_name(const struct route_params *params) {
    struct slice host = params->http_host.size ? params->http_host : params->server_name;
    size_t size = host.size;
    while (size > 0 && host.bytes[size - 1] >= '0' && host.bytes[size - 1] <= '9') {
        size--;
    }
    if (size > 0 && host.bytes[size - 1] == ':' &&
        (host.bytes[0] != '[' || (size > 1 && host.bytes[size - 2] == ']'))) {
        host.size = size - 1;
    }
    if (host.size > 1 && host.bytes[host.size - 1] == '.') {
        host.size--;
    }
    return host;
}

static const char s_proxy[] = "proxy:";

bool route_params_is_proxied(const struct route_params *params) {
    return params->script_filename.size >= sizeof s_proxy - 1 &&
           memcmp(params->script_filename.bytes, s_proxy, sizeof s_proxy - 1) == 0;
}

struct slice route_params_script_file(const struct route_params *params) {
    struct slice url = params->script_filename;
    if (!route_params_is_proxied(params)) {
        return url;
    }
    url.bytes += sizeof s_proxy - 1;
    url.size -= sizeof s_proxy - 1;
    const char *bar = memchr(url.bytes, '|', url.size);
    if (url.size > 5 && memcmp(url.bytes, "unix:", 5) == 0 && bar) {
        url.size -= (size_t)(bar + 1 - url.bytes); /* "unix:/socket|fcgi://HOST/path" */
        url.bytes = bar + 1;
    }
    return cut_before(without_authority(url), '?');
}

/** Whether the full path begins with `text`. */
static bool path_begins_with(const struct route_params *params, const char *text, size_t size) {
    struct slice name = params->script_name, info = params->path_info;
    size_t in_name = size < name.size ? size : name.size;
    return size <= name.size + info.size &&
           (in_name == 0 || memcmp(name.bytes, text, in_name) == 0) &&
           (size == in_name || memcmp(info.bytes, text + in_name, size - in_name) == 0);
}

static char path_byte(const struct route_params *params, size_t i) {
    struct slice name = params->script_name;
    return i < name.size ? name.bytes[i] : params->path_info.bytes[i - name.size];
}

bool route_params_path_equals(const struct route_params *params, const char *path) {
    size_t size = strlen(path);
    return size == params->script_name.size + params->path_info.size &&
           path_begins_with(params, path, size);
}

bool route_params_path_is_below(const struct route_params *params, const char *mount, size_t size) {
    return path_begins_with(params, mount, size) &&
           (size == 0 || size == params->script_name.size + params->path_info.size ||
            path_byte(params, size) == '/');
}
