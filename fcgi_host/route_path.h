/**
 * What routing looks at in a request, and how its path is split.
 *
 * The full path is SCRIPT_NAME followed by PATH_INFO, as sent: the servers agree on that and on
 * nothing else.  Where the border between them lies depends on the server:
 *
 *   nginx, proxy_fcgi    SCRIPT_NAME is the whole path, PATH_INFO absent or empty
 *   lighttpd             SCRIPT_NAME is the prefix the handler is bound to; with prefix "/" it is
 *                        the whole path, unless fix-root-scriptname is set
 *   mod_fcgid            SCRIPT_NAME is the alias or the file, PATH_INFO what follows
 *
 * Follows: PEP 3333, "environ Variables"; RFC 3875 §4.1.5, §4.1.13.
 * @thread any; pure
 * @tstate any
 */
#ifndef FCGI_HOST_ROUTE_PATH_H
#define FCGI_HOST_ROUTE_PATH_H

#include <stdbool.h>

#include "fcgi_host/request.h"
#include "fcgi_host/route.h"

/** Pieces of the request's parameters; `bytes` is NULL for one that was not sent. */
struct route_params {
    enum request_role role;
    struct slice host_app, http_host, server_name;
    struct slice script_name, path_info; /**< as sent, with known slips of servers put right */
    struct slice script_filename, request_uri, document_uri, context_root;
    char *decoded_uri; /**< what path_info points into when only REQUEST_URI tells the path */
};

/** @return 0, or -1: out of memory */
int route_params_collect(const struct request *request, struct route_params *ret_params);
/** Hand storage that the route's slices use to the route; free what is not needed. */
void route_params_release(struct route_params *params, struct route *route);

/** HTTP_HOST, else SERVER_NAME, without port and final dot. */
struct slice route_host_name(const struct route_params *params);
/** The file that SCRIPT_FILENAME names, without what Apache's mod_proxy_fcgi puts around it. */
struct slice route_script_file(const struct route_params *params);

bool route_path_equals(const struct route_params *params, const char *path);
/** Whether the full path is `mount` or lies below it; "" is above everything. */
bool route_path_is_below(const struct route_params *params, const char *mount, size_t size);

/** Fill script_name and path_info of a route to an application with this mount. */
void route_path_split(const struct route_params *params, const char *mount, struct route *route);
/** The same for a script; `rest` is the path info behind its file name. */
void route_path_split_script(const struct route_params *params, struct slice rest,
                             struct route *route);

#endif
