/**
 * What routing looks at in a request: a few of its parameters, corrected where a web server is
 * known to send wrong ones, and the full path.
 *
 * The full path is SCRIPT_NAME followed by PATH_INFO: all servers agree on that, and on little else
 * (route_split.h).
 *
 * Follows: RFC 3875 §4.1.5, §4.1.13, §4.1.14; FastCGI 1.0 §6.3.
 * @thread any; pure
 * @tstate any
 */
#ifndef FCGI_HOST_CGI_ROUTE_PARAMS_H
#define FCGI_HOST_CGI_ROUTE_PARAMS_H

#include <stdbool.h>

#include "fcgi_host/fastcgi/request.h"

/** Pieces of the request's parameters; `bytes` is NULL for one that was not sent. */
struct route_params {
    enum request_role role;
    struct slice host_app, http_host, server_name, server_software;
    struct slice script_name, path_info;
    struct slice script_filename, request_uri;
    struct slice document_uri; /**< nginx, Caddy: the decoded path; empty see route_split.c */
    struct slice context_document_root; /**< Apache only */
    char *decoded_uri; /**< malloc'ed bytes of path_info when only REQUEST_URI tells the path */
};

/**
 * @return 0, or -1: out of memory
 * @owns   the caller: free(ret_params->decoded_uri), when path_info is not used any more
 */
int route_params_collect(const struct request *request, struct route_params *ret_params);

/** HTTP_HOST, else SERVER_NAME, without port and final dot. */
struct slice route_params_host_name(const struct route_params *params);

/** Whether SCRIPT_FILENAME has the form of Apache's mod_proxy_fcgi: "proxy:fcgi://HOST/path". */
bool route_params_is_proxied(const struct route_params *params);

/** The path in SCRIPT_FILENAME, without the URL parts that mod_proxy_fcgi puts around it. */
struct slice route_params_script_file(const struct route_params *params);

bool route_params_path_equals(const struct route_params *params, const char *path);
/** Whether the full path is `mount` or lies below it; "" is above everything. */
bool route_params_path_is_below(const struct route_params *params, const char *mount, size_t size);

/**
 * Percent-decode (RFC 3986 §2.1); invalid encodings stay as they are.
 * @param out  room for as many bytes
 * @return bytes written
 */
size_t route_params_percent_decode(struct slice in, char *out);

#endif
