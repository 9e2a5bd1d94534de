#include "fcgi_host/route_path.h"

#include <stdlib.h>
#include <string.h>

static bool slices_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static bool slice_ends_with(struct slice slice, struct slice end) {
    return slice.size >= end.size &&
           memcmp(slice.bytes + slice.size - end.size, end.bytes, end.size) == 0;
}

/* ---- Collecting ---- */

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
    WANT("SCRIPT_FILENAME", script_filename),
    WANT("CONTEXT_DOCUMENT_ROOT", context_root),
#undef WANT
};

static struct slice *slot(struct route_params *params, const char *name, size_t size) {
    for (size_t i = 0; i < sizeof s_wanted / sizeof *s_wanted; i++) {
        if (s_wanted[i].size == size && memcmp(s_wanted[i].name, name, size) == 0) {
            return (struct slice *)((char *)params + s_wanted[i].offset);
        }
    }
    return NULL;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/** Percent-decode (RFC 3986 §2.1) into `out`, which has room for as much. @return bytes */
static size_t percent_decode(struct slice in, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < in.size; i++) {
        int high = i + 2 < in.size && in.bytes[i] == '%' ? hex_digit(in.bytes[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.bytes[i + 2]) : -1;
        if (low >= 0) {
            out[used++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[used++] = in.bytes[i];
        }
    }
    return used;
}

/** Cut at the first `c`. */
static struct slice before(struct slice slice, char c) {
    const char *end = slice.size ? memchr(slice.bytes, c, slice.size) : NULL;
    return end ? (struct slice){slice.bytes, (size_t)(end - slice.bytes)} : slice;
}

/** Skip "scheme://authority" (RFC 9112 §3.2.2, absolute-form). */
static struct slice without_authority(struct slice uri) {
    const char *colon = uri.size ? memmem(uri.bytes, uri.size, "://", 3) : NULL;
    if (!colon || *uri.bytes == '/') {
        return uri;
    }
    const char *end = uri.bytes + uri.size;
    const char *path = memchr(colon + 3, '/', (size_t)(end - colon) - 3);
    return path ? (struct slice){path, (size_t)(end - path)} : (struct slice){"/", 1};
}

int route_params_collect(const struct request *request, struct route_params *ret_params) {
    struct route_params params = {.role = request->role};
    for (size_t i = 0; i < request->param_count; i++) {
        const struct param *param = &request->params[i];
        struct slice *to = slot(&params, param->name, param->name_bytes);
        if (to) {
            *to = (struct slice){param->value, param->value_bytes};
        }
    }
    if (params.path_info.size > 0 && slices_equal(params.path_info, params.document_uri)) {
        /* nginx with "fastcgi_param PATH_INFO $fastcgi_script_name" beside the usual SCRIPT_NAME,
         * which then repeats it. */
        params.script_name.size = 0;
    }
    if (params.script_name.size == 0 && params.path_info.size == 0 && params.request_uri.size > 0) {
        /* An authorizer is not told them (FastCGI 1.0 §6.3), and some configurations forget. */
        struct slice uri = before(without_authority(params.request_uri), '?');
        params.decoded_uri = malloc(uri.size + 1);
        if (!params.decoded_uri) {
            return -1;
        }
        params.path_info =
            (struct slice){params.decoded_uri, percent_decode(uri, params.decoded_uri)};
    }
    *ret_params = params;
    return 0;
}

void route_params_release(struct route_params *params, struct route *route) {
    if (route->kind == ROUTE_NONE || route->path_storage) {
        free(params->decoded_uri);
    } else {
        route->path_storage = params->decoded_uri;
    }
    params->decoded_uri = NULL;
}

struct slice route_host_name(const struct route_params *params) {
    struct slice host = params->http_host.size ? params->http_host : params->server_name;
    size_t size = host.size;
    while (size > 0 && host.bytes[size - 1] >= '0' && host.bytes[size - 1] <= '9') {
        size--;
    }
    if (size > 0 && host.bytes[size - 1] == ':' &&
        (host.bytes[0] != '[' || size < 2 || host.bytes[size - 2] == ']')) {
        host.size = size - 1;
    }
    if (host.size > 1 && host.bytes[host.size - 1] == '.') {
        host.size--;
    }
    return host;
}

struct slice route_script_file(const struct route_params *params) {
    struct slice file = params->script_filename;
    static const char s_proxy[] = "proxy:";
    if (file.size < sizeof s_proxy || memcmp(file.bytes, s_proxy, sizeof s_proxy - 1) != 0) {
        return file;
    }
    /* "proxy:fcgi://HOST[:PORT]/path", "proxy:unix:/socket|fcgi://HOST/path" */
    struct slice url = {file.bytes + sizeof s_proxy - 1, file.size - (sizeof s_proxy - 1)};
    const char *bar = memchr(url.bytes, '|', url.size);
    if (url.size > 5 && memcmp(url.bytes, "unix:", 5) == 0 && bar) {
        url.size -= (size_t)(bar + 1 - url.bytes);
        url.bytes = bar + 1;
    }
    return before(without_authority(url), '?');
}

/* ---- Comparing ---- */

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

bool route_path_equals(const struct route_params *params, const char *path) {
    size_t size = strlen(path);
    return size == params->script_name.size + params->path_info.size &&
           path_begins_with(params, path, size);
}

bool route_path_is_below(const struct route_params *params, const char *mount, size_t size) {
    return path_begins_with(params, mount, size) &&
           (size == 0 || size == params->script_name.size + params->path_info.size ||
            path_byte(params, size) == '/');
}

/* ---- Splitting ---- */

static const struct slice s_empty = {"", 0};

/** PATH_INFO = the full path from `at` in SCRIPT_NAME on; the pieces must be joined. */
static bool join(const struct route_params *params, size_t at, struct route *route) {
    size_t head = params->script_name.size - at;
    char *joined = malloc(head + params->path_info.size);
    if (!joined) {
        return false;
    }
    memcpy(joined, params->script_name.bytes + at, head);
    memcpy(joined + head, params->path_info.bytes, params->path_info.size);
    route->path_storage = joined;
    route->path_info = (struct slice){joined, head + params->path_info.size};
    return true;
}

static void keep_as_sent(const struct route_params *params, struct route *route) {
    route->script_name = params->script_name.size ? params->script_name : s_empty;
    route->path_info = params->path_info.size ? params->path_info : s_empty;
}

/** Whether SCRIPT_NAME is an alias of the application rather than the whole path: so it is with
 *  Apache's mod_fcgid, whose SCRIPT_FILENAME is the file that the alias leads to. */
static bool is_alias(const struct route_params *params) {
    static const char s_proxy[] = "proxy:";
    return params->context_root.bytes &&
           !(params->script_filename.size >= sizeof s_proxy - 1 &&
             memcmp(params->script_filename.bytes, s_proxy, sizeof s_proxy - 1) == 0);
}

void route_path_split(const struct route_params *params, const char *mount, struct route *route) {
    struct slice name = params->script_name, info = params->path_info;
    size_t size = strlen(mount);
    if (size == 0 || !route_path_is_below(params, mount, size)) {
        keep_as_sent(params, route);
        if (info.size == 0 && name.size > 0 && !is_alias(params)) {
            route->script_name = s_empty;
            route->path_info = name;
        }
        return;
    }
    route->script_name = (struct slice){mount, size};
    if (size >= name.size) {
        size_t skipped = size - name.size;
        route->path_info = info.size > skipped
                               ? (struct slice){info.bytes + skipped, info.size - skipped}
                               : s_empty;
    } else if (info.size == 0) {
        route->path_info = (struct slice){name.bytes + size, name.size - size};
    } else if (!join(params, size, route)) {
        keep_as_sent(params, route);
    }
}

void route_path_split_script(const struct route_params *params, struct slice rest,
                             struct route *route) {
    struct slice name = params->script_name;
    keep_as_sent(params, route);
    if (params->path_info.size == 0 && rest.size > 0 && slice_ends_with(name, rest)) {
        route->script_name = (struct slice){name.bytes, name.size - rest.size};
        route->path_info = (struct slice){name.bytes + name.size - rest.size, rest.size};
    }
}
