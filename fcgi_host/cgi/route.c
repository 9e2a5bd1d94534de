#include "fcgi_host/cgi/route.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgi_host/base/text.h"
#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/cgi/route_params.h"
#include "fcgi_host/cgi/route_split.h"

/** An application, with what every request asks about it. */
struct entry {
    const struct app_config *app;
    size_t mount_size, host_size, name_size;
    struct route_binding binding;
};

struct router {
    const struct config *config;
    size_t count;
    struct entry *entries; /* only their bindings change */
};

struct router *router_new(const struct config *config, struct error *err) {
    struct router *router = calloc(1, sizeof *router);
    if (!router || !(router->entries = calloc(config->app_count + 1, sizeof *router->entries))) {
        free(router);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    router->config = config;
    router->count = config->app_count;
    for (size_t i = 0; i < router->count; i++) {
        const struct app_config *app = &config->apps[i];
        struct entry *entry = &router->entries[i];
        entry->app = app;
        entry->mount_size = strlen(app->mount);
        entry->host_size = app->host ? strlen(app->host) : 0;
        entry->name_size = strlen(app->name);
    }
    return router;
}

void router_free(struct router *router) {
    if (router) {
        free(router->entries);
    }
    free(router);
}

char *route_resolve_script(const char *path) {
    struct stat status;
    char *real = realpath(path, NULL);
    if (real && (stat(real, &status) != 0 || !S_ISREG(status.st_mode))) {
        free(real);
        real = NULL;
    }
    return real;
}

/* ---- Which application ---- */

static struct entry *find_by_name(const struct router *router, struct slice name) {
    for (size_t i = 0; i < router->count; i++) {
        struct entry *entry = &router->entries[i];
        if (entry->name_size == name.size && memcmp(entry->app->name, name.bytes, name.size) == 0) {
            return entry;
        }
    }
    return NULL;
}

/** The application with the longest mount among those for `host`, or (empty) for any host. */
static struct entry *find_by_mount(const struct router *router, struct slice host,
                                   const struct route_params *params) {
    struct entry *best = NULL;
    for (size_t i = 0; i < router->count; i++) {
        struct entry *entry = &router->entries[i];
        const struct app_config *app = entry->app;
        if (entry->host_size == host.size &&
            (host.size == 0 || text_is_same_word(app->host, host.bytes, host.size)) &&
            (!best || entry->mount_size > best->mount_size) &&
            route_params_path_is_below(params, app->mount, entry->mount_size)) {
            best = entry;
        }
    }
    return best;
}

static struct entry *find_by_host_and_mount(const struct router *router,
                                            const struct route_params *params) {
    struct entry *found = NULL;
    struct slice host = route_params_host_name(params);
    if (host.size > 0) {
        found = find_by_mount(router, host, params);
    }
    return found ? found : find_by_mount(router, (struct slice){"", 0}, params);
}

/* ---- Scripts ---- */

static bool has_suffix(const struct config *config, const char *path, size_t size) {
    for (size_t i = 0; i < config->scripts_suffix.count; i++) {
        const char *suffix = config->scripts_suffix.items[i];
        size_t length = strlen(suffix);
        if (size >= length && memcmp(path + size - length, suffix, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_below_root(const char *root, const char *real) {
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(real, root, size) == 0 && real[size] == '/';
}

/**
 * Find the script that `path` means: its longest prefix that is a script; the rest is path info.
 * @param[out] ret_size  the length of that prefix
 * @return its real path, malloc'ed, or NULL
 */
static char *find_script(const struct config *config, char *path, size_t whole,
                         char *(*resolve_script)(const char *path), size_t *ret_size) {
    for (size_t size = whole; size > 0;) {
        char after = path[size];
        path[size] = '\0';
        char *real = has_suffix(config, path, size) ? resolve_script(path) : NULL;
        path[size] = after;
        if (real && is_below_root(config->scripts_root, real) &&
            has_suffix(config, real, strlen(real))) {
            *ret_size = size;
            return real;
        }
        free(real);
        const char *slash = memrchr(path, '/', size);
        size = slash ? (size_t)(slash - path) : 0;
    }
    return NULL;
}

static void route_to_script(const struct config *config, const struct route_params *params,
                            char *(*resolve_script)(const char *path), struct route *route) {
    struct slice file = route_params_script_file(params);
    char path[PATH_MAX];
    size_t size = file.size, script_size;
    if (size == 0 || size >= sizeof path || memchr(file.bytes, '\0', size)) {
        return;
    }
    memcpy(path, file.bytes, size);
    path[size] = '\0';
    route->script = find_script(config, path, size, resolve_script, &script_size);
    if (!route->script && route_params_is_proxied(params)) {
        /* The URL of a ProxyPass is encoded, that of SetHandler is not. */
        size = route_params_percent_decode(file, path);
        path[size] = '\0';
        route->script = memchr(path, '\0', size)
                            ? NULL
                            : find_script(config, path, size, resolve_script, &script_size);
    }
    if (route->script) {
        route->kind = ROUTE_SCRIPT;
        route_split_script(params, (struct slice){path + script_size, size - script_size}, route);
    }
}

/* ---- Both ---- */

/** The application that FCGI_HOST_APP names, else the one for host and path; NULL: none. */
static struct entry *find_application(const struct router *router,
                                      const struct route_params *params) {
    return params->host_app.bytes ? find_by_name(router, params->host_app)
                                  : find_by_host_and_mount(router, params);
}

/** Paths that are the host's own. */
static enum route_kind find_own(const struct config *config, const struct route_params *params) {
    if (params->role != ROLE_RESPONDER) {
        return ROUTE_NONE;
    }
    const struct {
        const char *path; /* NULL: the host has none */
        enum route_kind kind;
    } own[] = {
        {config->status_path, ROUTE_STATUS},
        {config->ping_path, ROUTE_PING},
        {config->ready_path, ROUTE_READY},
        {config->live ? LIVE_PATH : NULL, ROUTE_LIVE},
        {config->live ? LIVE_SCRIPT_PATH : NULL, ROUTE_LIVE_SCRIPT},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].path && route_params_path_equals(params, own[i].path)) {
            return own[i].kind;
        }
    }
    return ROUTE_NONE;
}

static void find_route(const struct router *router, const struct route_params *params,
                       char *(*resolve_script)(const char *path), struct route *route) {
    const struct config *config = router->config;
    route->kind = find_own(config, params);
    if (route->kind != ROUTE_NONE) {
        return;
    }
    struct entry *entry = find_application(router, params);
    if (!entry && !params->host_app.bytes && config->scripts_root) {
        route_to_script(config, params, resolve_script, route);
    }
    if (!entry && !params->host_app.bytes && !route->script && router->count == 1) {
        entry = &router->entries[0];
    }
    if (entry) {
        route->kind = ROUTE_APPLICATION;
        route->app = entry->app;
        route_split(params, entry->app, &entry->binding, resolve_script, route);
    }
}

void router_route(const struct router *router, const struct request *request,
                  char *(*resolve_script)(const char *path), struct route *ret_route) {
    struct route_params params;
    *ret_route = (struct route){.kind = ROUTE_NONE};
    if (route_params_collect(request, &params) != 0) {
        return;
    }
    find_route(router, &params, resolve_script, ret_route);
    if (params.decoded_uri) {
        /* The whole path is in it, so route_split() had nothing to join. */
        ret_route->path_storage = params.decoded_uri;
    }
    if (ret_route->kind == ROUTE_NONE) {
        free(ret_route->path_storage);
        ret_route->path_storage = NULL;
    }
}
