#include "fcgi_host/cgi/route_split.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"

static const struct slice s_empty = {"", 0};

static bool slice_ends_with(struct slice slice, struct slice end) {
    return slice.size >= end.size &&
           (end.size == 0 || memcmp(slice.bytes + slice.size - end.size, end.bytes, end.size) == 0);
}

static bool slice_begins_with(struct slice slice, struct slice start) {
    return slice.size >= start.size &&
           (start.size == 0 || memcmp(slice.bytes, start.bytes, start.size) == 0);
}

static struct slice skip_bytes(struct slice slice, size_t size) {
    return slice.size > size ? (struct slice){slice.bytes + size, slice.size - size} : s_empty;
}

static void keep_as_sent(const struct route_params *params, struct route *route) {
    route->script_name = skip_bytes(params->script_name, 0);
    route->path_info = skip_bytes(params->path_info, 0);
}

/** The full path from byte `at` of SCRIPT_NAME on, in one piece; allocates only if it must. */
static int path_from(const struct route_params *params, size_t at, struct route *route,
                     struct slice *ret_path) {
    struct slice name = skip_bytes(params->script_name, at), info = params->path_info;
    if (name.size == 0 || info.size == 0) {
        *ret_path = name.size ? name : skip_bytes(info, 0);
        return 0;
    }
    struct slice uri = params->request_uri;
    size_t whole = params->script_name.size + info.size;
    if (uri.size >= whole && (uri.size == whole || uri.bytes[whole] == '?')) {
        uri.size = whole;
        if (slice_begins_with(uri, params->script_name) && slice_ends_with(uri, info)) {
            *ret_path = skip_bytes(uri, at); /* nothing was encoded */
            return 0;
        }
    }
    char *joined = malloc(name.size + info.size);
    if (!joined) {
        return -1;
    }
    memcpy(joined, name.bytes, name.size);
    memcpy(joined + name.size, info.bytes, info.size);
    route->path_storage = joined;
    *ret_path = (struct slice){joined, name.size + info.size};
    return 0;
}

/** SCRIPT_NAME = the first `size` bytes of the full path, which `mount` repeats. */
static void split_at_mount(const struct route_params *params, const char *mount, size_t size,
                           struct route *route) {
    route->script_name = (struct slice){mount, size};
    if (size >= params->script_name.size) {
        route->path_info = skip_bytes(params->path_info, size - params->script_name.size);
    } else if (path_from(params, size, route, &route->path_info) != 0) {
        keep_as_sent(params, route);
    }
}

/* ---- Applications without a mount ---- */

/** ProxyPass "/blog" "fcgi://HOST/": the part of the path that HOST gets is PATH_INFO. */
static bool split_as_proxied(const struct route_params *params, struct route *route) {
    struct slice name = params->script_name, file = route_params_script_file(params);
    char decoded[PATH_MAX];
    if (params->path_info.size > 0 || file.size == 0 || file.size > sizeof decoded) {
        return false;
    }
    struct slice rest = {decoded, route_params_percent_decode(file, decoded)};
    if (rest.size > 1 && rest.bytes[0] == '/' && rest.bytes[1] == '/') {
        rest = skip_bytes(rest, 1); /* a slash at the end of the URL in ProxyPass only */
    }
    if (rest.size == 1 && !slice_ends_with(name, rest)) {
        rest.size = 0; /* the mount point itself */
    }
    if (rest.size >= name.size || !slice_ends_with(name, rest)) {
        return false;
    }
    route->script_name = (struct slice){name.bytes, name.size - rest.size};
    route->path_info = skip_bytes(name, name.size - rest.size);
    return true;
}

/** Whether Apache has found the file or alias that SCRIPT_NAME stands for. */
static bool is_file_of_apache(const struct route_params *params,
                              char *(*resolve_script)(const char *path)) {
    struct slice file = params->script_filename, root = params->context_document_root;
    if (file.size > 0 && file.size == root.size && memcmp(file.bytes, root.bytes, file.size) == 0) {
        return true; /* ScriptAlias to one file */
    }
    char path[PATH_MAX];
    if (file.size == 0 || file.size >= sizeof path || memchr(file.bytes, '\0', file.size)) {
        return false;
    }
    memcpy(path, file.bytes, file.size);
    path[file.size] = '\0';
    char *real = resolve_script(path);
    free(real);
    return real != NULL;
}

enum {
    BINDING_HAS_PATH_INFO = 1, /**< this SCRIPT_NAME has been seen with a PATH_INFO */
    BINDING_FLAGS = 1,
};
static const uint64_t s_bound_at_root = UINT64_MAX;

/** FNV-1a, to compare two names. */
static uint64_t hash_slice(struct slice slice) {
    uint64_t value = 0xCBF29CE484222325u;
    for (size_t i = 0; i < slice.size; i++) {
        value = (value ^ (unsigned char)slice.bytes[i]) * 0x100000001B3u;
    }
    return value & ~(uint64_t)BINDING_FLAGS;
}

/** Whether lighttpd's SCRIPT_NAME is the prefix of a binding, as far as requests have shown. */
static bool is_prefix_of_lighttpd(const struct route_params *params,
                                  struct route_binding *binding) {
    uint64_t seen = binding->seen;
    if (seen == s_bound_at_root) {
        return false;
    }
    bool has_path_info = params->path_info.size > 0;
    uint64_t now = hash_slice(params->script_name);
    bool is_root = params->script_name.size == 1; /* "/": no prefix is called so */
    if (is_root || (seen != 0 && (seen & ~(uint64_t)BINDING_FLAGS) != now)) {
        if (atomic_exchange(&binding->seen, s_bound_at_root) != s_bound_at_root) {
            log_line(LOG_WARN, "route.script_name", NULL,
                     "lighttpd passes the first part of each path as SCRIPT_NAME; it is taken for "
                     "PATH_INFO now. Set \"fix-root-scriptname\" => \"enable\" in fastcgi.server");
        }
        return false;
    }
    binding->seen = now | (seen & BINDING_FLAGS) | (has_path_info ? BINDING_HAS_PATH_INFO : 0);
    return has_path_info || (seen & BINDING_HAS_PATH_INFO);
}

/** Whether SCRIPT_NAME and PATH_INFO are split where the application is bound. */
static bool is_split_by_server(const struct route_params *params, struct route_binding *binding,
                               char *(*resolve_script)(const char *path)) {
    static const char s_lighttpd[] = "lighttpd";
    if (params->context_document_root.bytes) {
        return !route_params_is_proxied(params) && is_file_of_apache(params, resolve_script);
    }
    if (slice_begins_with(params->server_software,
                          (struct slice){s_lighttpd, sizeof s_lighttpd - 1})) {
        return is_prefix_of_lighttpd(params, binding);
    }
    /* Where Caddy's configuration splits no path there is no DOCUMENT_URI: SCRIPT_NAME is what the
     * configuration says, also at the mount point itself. */
    bool is_unsplit_by_caddy = params->document_uri.bytes && params->document_uri.size == 0;
    return params->path_info.size > 0 || is_unsplit_by_caddy;
}

static void split_without_mount(const struct route_params *params, struct route_binding *binding,
                                char *(*resolve_script)(const char *path), struct route *route) {
    if (params->script_name.size == 0 || is_split_by_server(params, binding, resolve_script)) {
        keep_as_sent(params, route);
    } else if (!route_params_is_proxied(params) || !split_as_proxied(params, route)) {
        split_at_mount(params, "", 0, route);
    }
}

void route_split(const struct route_params *params, const struct app_config *config,
                 struct route_binding *binding, char *(*resolve_script)(const char *path),
                 struct route *route) {
    size_t size = strlen(config->mount);
    if ((size > 0 || config->has_mount) &&
        route_params_path_is_below(params, config->mount, size)) {
        split_at_mount(params, config->mount, size, route);
    } else {
        split_without_mount(params, binding, resolve_script, route);
    }
}

void route_split_script(const struct route_params *params, struct slice rest, struct route *route) {
    struct slice name = params->script_name;
    char decoded[PATH_MAX];
    keep_as_sent(params, route);
    if (params->path_info.size > 0 || rest.size == 0 || rest.size > sizeof decoded) {
        return;
    }
    if (!slice_ends_with(name, rest)) { /* the URL of a ProxyPass is encoded */
        rest = (struct slice){decoded, route_params_percent_decode(rest, decoded)};
    }
    if (slice_ends_with(name, rest)) {
        route->script_name = (struct slice){name.bytes, name.size - rest.size};
        route->path_info = skip_bytes(name, name.size - rest.size);
    }
}
