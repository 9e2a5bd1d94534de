/**
 * A router with applications of a table, and requests made of names and values.
 */
#ifndef TESTS_SUPPORT_ROUTE_FIXTURE_H
#define TESTS_SUPPORT_ROUTE_FIXTURE_H

#include "fcgi_host/cgi/route.h"

enum { MOST_APPS = 6, MOST_PARAMS = 12 };

struct fixture {
    struct config config;
    struct app_config apps[MOST_APPS];
    struct router *router;
};

/** An application; a table of them ends with a NULL name. */
struct app_row {
    const char *name, *mount, *host;
};

/** Make the router; router_free(fixture->router) ends it. */
void begin(struct fixture *fixture, const struct app_row *rows);

/** Route a request; parameters are name, value, …, NULL. @owns clear() the result */
struct route route(const struct fixture *fixture, enum request_role role,
                   const char *const *names_and_values, char *(*resolve)(const char *path));
void clear(struct route *route);

/** For requests that are not about scripts. */
char *resolve_nothing(const char *path);

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL, NULL})
#define ROUTE(fixture, ...) route(fixture, ROLE_RESPONDER, PARAMS(__VA_ARGS__), resolve_nothing)

/** Name of the application that was found. */
const char *app_of(const struct route *route);

#endif
