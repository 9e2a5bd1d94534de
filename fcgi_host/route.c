#include "fcgi_host/route.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "fcgi_host/route_path.h"

struct router {
    const struct config *config;
    struct application *const *applications;
    size_t count;
};

struct router *router_new(const struct config *config, struct application *const *applications,
                          size_t count, struct error *err) {
    struct router *router = malloc(sizeof *router);
    if (!router) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *router = (struct router){.config = config, .applications = applications, .count = count};
    return router;
}

void router_free(struct router *router) {
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

static bool slice_equals(struct slice slice, const char *text) {
    return strlen(text) == slice.size && memcmp(slice.bytes, text, slice.size) == 0;
}

static struct application *find_by_name(const struct router *router, struct slice name) {
    for (size_t i = 0; i < router->count; i++) {
        if (slice_equals(name, router->applications[i]->config->name)) {
            return router->applications[i];
        }
    }
    return NULL;
}

/** The application with the longest mount among those for `host`, or (empty) for any host. */
static struct application *find_by_mount(const struct router *router, struct slice host,
                                         const struct route_params *params) {
    struct application *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < router->count; i++) {
        const struct app_config *config = router->applications[i]->config;
        bool is_host = config->host ? host.size == strlen(config->host) &&
                                          strncasecmp(config->host, host.bytes, host.size) == 0
                                    : host.size == 0;
        size_t size = strlen(config->mount);
        if (is_host && (!best || size > best_size) &&
            route_path_is_below(params, config->mount, size)) {
            best = router->applications[i];
            best_size = size;
        }
    }
    return best;
}

static struct application *find_application(const struct router *router,
                                            const struct route_params *params) {
    struct application *found = NULL;
    struct slice host = route_host_name(params);
    if (host.size > 0) {
        found = find_by_mount(router, host, params);
    }
    return found ? found : find_by_mount(router, (struct slice){NULL, 0}, params);
}

/* ---- Scripts ---- */

static bool has_suffix(const struct config *config, const char *path, size_t size) {
    for (size_t i = 0; i < config->scripts_suffix.count; i++) {
        const char *suffix = config->scripts_suffix.items[i];
        size_t length = strlen(suffix);
        if (size > length && memcmp(path + size - length, suffix, length) == 0) {
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
 * Find the script that a file name means: the longest prefix that is one, for what follows may be
 * path info.
 * @param[out] ret_rest  that path info, a piece of params->script_filename
 * @return its real path, malloc'ed, or NULL
 */
static char *find_script(const struct config *config, const struct route_params *params,
                         char *(*resolve_script)(const char *path), struct slice *ret_rest) {
    struct slice file = route_script_file(params);
    char path[PATH_MAX];
    if (file.size == 0 || file.size >= sizeof path || memchr(file.bytes, '\0', file.size)) {
        return NULL;
    }
    memcpy(path, file.bytes, file.size);
    for (size_t size = file.size; size > 0;) {
        path[size] = '\0';
        /* A trailing slash is path info of the script before it. */
        if (has_suffix(config, path, size)) {
            char *real = resolve_script(path);
            if (real && is_below_root(config->scripts_root, real) &&
                has_suffix(config, real, strlen(real))) {
                *ret_rest = (struct slice){file.bytes + size, file.size - size};
                return real;
            }
            free(real);
        }
        const char *slash = memrchr(path, '/', size);
        size = slash ? (size_t)(slash - path) : 0;
    }
    return NULL;
}

/* ---- Both ---- */

static void take_application(struct application *application, const struct route_params *params,
                             struct route *route) {
    route->kind = ROUTE_APPLICATION;
    route->application = application;
    route_path_split(params, application->config->mount, route);
}

static void find(const struct router *router, const struct route_params *params,
                 char *(*resolve_script)(const char *path), struct route *route) {
    const struct config *config = router->config;
    if (config->status_path && params->role == ROLE_RESPONDER &&
        route_path_equals(params, config->status_path)) {
        route->kind = ROUTE_STATUS;
        return;
    }
    struct application *application;
    if (params->host_app.bytes) {
        application = find_by_name(router, params->host_app);
        if (application) {
            take_application(application, params, route);
        }
        return;
    }
    application = find_application(router, params);
    if (application) {
        take_application(application, params, route);
        return;
    }
    struct slice rest;
    if (config->scripts_root &&
        (route->script = find_script(config, params, resolve_script, &rest))) {
        route->kind = ROUTE_SCRIPT;
        route_path_split_script(params, rest, route);
        return;
    }
    if (router->count == 1) {
        take_application(router->applications[0], params, route);
    }
}

void router_route(const struct router *router, const struct request *request,
                  char *(*resolve_script)(const char *path), struct route *ret_route) {
    struct route_params params;
    *ret_route = (struct route){.kind = ROUTE_NONE};
    if (route_params_collect(request, &params) == 0) {
        find(router, &params, resolve_script, ret_route);
        route_params_release(&params, ret_route);
    }
}
