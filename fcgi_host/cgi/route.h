/**
 * Routing: which application answers a request, and how its URL splits into SCRIPT_NAME and
 * PATH_INFO.  Pure: the only I/O is the resolving of script paths, by a function that the caller
 * passes in.
 *
 * First match wins: FCGI_HOST_APP · host + longest mount · SCRIPT_FILENAME below [scripts] root ·
 * the only application.
 *
 * Follows: PEP 3333, "environ Variables"; RFC 3875 §4.1.5, §4.1.13.
 */
#ifndef FCGI_HOST_CGI_ROUTE_H
#define FCGI_HOST_CGI_ROUTE_H

#include <stddef.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/fastcgi/request.h"
#include "pool/base/error.h"

enum route_kind {
    ROUTE_NONE,
    ROUTE_APPLICATION,
    ROUTE_SCRIPT,
    ROUTE_STATUS,
    ROUTE_PING,
    ROUTE_READY,
    ROUTE_LIVE,        /**< LIVE_PATH */
    ROUTE_LIVE_SCRIPT, /**< LIVE_SCRIPT_PATH */
};

struct route {
    enum route_kind kind;
    const struct app_config *app; /**< ROUTE_APPLICATION: one of the configuration's `apps` */
    char *script;                 /**< ROUTE_SCRIPT: real path, malloc'ed, the caller's */
    struct slice script_name, path_info;
    /** malloc'ed, the caller's, valid as long as the slices are used; NULL when the slices are
     *  pieces of the request or of the configuration (nearly always). */
    char *path_storage;
};

struct router; /* built once from the configuration; immutable */

/**
 * A router for the applications and scripts of a configuration, which must outlive it.
 * @return the router, or NULL: ERR_MEMORY
 * @owns the caller: router_free()
 */
struct router *router_new(const struct config *config, struct error *err);
void router_free(struct router *router);

/**
 * Route a request by its parameters.
 *
 * @param resolve_script  route_resolve_script(); replaced in tests
 * @param[out] ret_route  always filled; ROUTE_NONE when nothing matches (or out of memory)
 * @thread any
 */
void router_route(const struct router *router, const struct request *request,
                  char *(*resolve_script)(const char *path), struct route *ret_route);

/** The real path of a regular file, malloc'ed, or NULL. @thread any; does I/O */
char *route_resolve_script(const char *path);

#endif
