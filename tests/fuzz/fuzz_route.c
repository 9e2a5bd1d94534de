/**
 * Routing with any parameters: no crash, no read beyond them, and whatever is found obeys the
 * rules.  Input: lines "NAME=value"; bytes may be anything but a newline.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/cgi/route.h"

enum { MOST_PARAMS = 32 };

static const char s_root[] = "/srv/www";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A file system where every path is a file and the real path of itself; "/link" leads out. */
static char *resolve(const char *path) {
    return strncmp(path, "/srv/www/link", 13) == 0 ? strdup("/etc/secret.py") : strdup(path);
}

/** Each parameter in a block of its own, so that a sanitizer sees a read beyond it. */
static size_t make_params(const uint8_t *data, size_t size, struct param *params) {
    size_t count = 0;
    while (size > 0 && count < MOST_PARAMS) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t line = end ? (size_t)(end - data) : size;
        const uint8_t *equals = memchr(data, '=', line);
        size_t name = equals ? (size_t)(equals - data) : line;
        size_t value = equals ? line - name - 1 : 0;
        char *name_copy = malloc(name + 1), *value_copy = malloc(value ? value : 1);
        memcpy(name_copy, data, name);
        if (value) {
            memcpy(value_copy, equals + 1, value);
        }
        params[count++] = (struct param){name_copy, value_copy, (uint32_t)name, (uint32_t)value};
        size -= line + (end != NULL);
        data += line + (end != NULL);
    }
    return count;
}

/** Read every byte, so that a sanitizer sees whether they are there. */
static void read_all(struct slice slice) {
    size_t sum = 0;
    for (size_t i = 0; i < slice.size; i++) {
        sum += (unsigned char)slice.bytes[i];
    }
    assert(sum <= slice.size * 255);
}

static void check(const struct route *route) {
    read_all(route->script_name);
    read_all(route->path_info);
    assert((route->kind == ROUTE_APPLICATION) == (route->app != NULL));
    assert((route->kind == ROUTE_SCRIPT) == (route->script != NULL));
    if (route->kind == ROUTE_SCRIPT) {
        size_t script = strlen(route->script);
        assert(strncmp(route->script, s_root, sizeof s_root - 1) == 0);
        assert(route->script[sizeof s_root - 1] == '/');
        assert(script > 3 && strcmp(route->script + script - 3, ".py") == 0);
    }
    if (route->kind == ROUTE_APPLICATION && route->app->has_mount) {
        assert(route->script_name.bytes != NULL && route->path_info.bytes != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *suffix = (char *)".py";
    log_open("stderr", LOG_OFF, NULL);
    struct app_config configs[] = {
        {.name = (char *)"plain", .mount = (char *)""},
        {.name = (char *)"blog", .mount = (char *)"/blog", .has_mount = true},
        {.name = (char *)"root", .mount = (char *)"", .has_mount = true, .host = (char *)"h"},
    };
    struct config config = {.status_path = (char *)"/-/status",
                            .scripts_root = (char *)s_root,
                            .scripts_suffix = {&suffix, 1}};
    struct param params[MOST_PARAMS];
    struct request request = {.params = params, .role = ROLE_RESPONDER};
    request.param_count = make_params(data, size, params);
    /* With the application for everything, scripts are never reached: also without it. */
    for (size_t skipped = 0; skipped < 2; skipped++) {
        config.apps = configs + skipped;
        config.app_count = 3 - skipped;
        struct router *router = router_new(&config, NULL);
        for (int turn = 0; turn < 2; turn++) {
            struct route route;
            request.role = turn ? ROLE_AUTHORIZER : ROLE_RESPONDER;
            router_route(router, &request, resolve, &route);
            check(&route);
            free(route.script);
            free(route.path_storage);
        }
        router_free(router);
    }
    for (size_t i = 0; i < request.param_count; i++) {
        free((void *)params[i].name);
        free((void *)params[i].value);
    }
    return 0;
}
