#include "tests/support/route_fixture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void begin(struct fixture *fixture, const struct app_row *rows) {
    for (size_t i = 0; rows[i].name; i++) {
        fixture->apps[i] = (struct app_config){.name = (char *)rows[i].name,
                                               .mount = (char *)rows[i].mount,
                                               .host = (char *)rows[i].host};
        fixture->config.app_count++;
    }
    fixture->config.apps = fixture->apps;
    fixture->router = router_new(&fixture->config, NULL);
    assert(fixture->router);
}

char *resolve_nothing(const char *path) {
    (void)path;
    return NULL;
}

struct route route(const struct fixture *fixture, enum request_role role,
                   const char *const *names_and_values, char *(*resolve)(const char *path)) {
    struct param params[MOST_PARAMS];
    struct request request = {.params = params, .role = role};
    for (const char *const *text = names_and_values; text[0]; text += 2) {
        params[request.param_count++] =
            (struct param){text[0], text[1], (uint32_t)strlen(text[0]), (uint32_t)strlen(text[1])};
    }
    struct route result;
    router_route(fixture->router, &request, resolve, &result);
    return result;
}

const char *app_of(const struct route *route) {
    return route->kind == ROUTE_APPLICATION ? route->app->name : "(none)";
}

void clear(struct route *route) {
    free(route->script);
    free(route->path_storage);
}
