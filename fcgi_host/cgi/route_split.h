/**
 * Where SCRIPT_NAME ends and PATH_INFO begins.
 *
 * For an application with a mount: SCRIPT_NAME is the mount, PATH_INFO the rest of the full path.
 * For an application without a mount the split is where the web server has bound it.  Each server
 * says that differently (recorded in tests/fixtures/):
 *
 *   nginx, mod_proxy_fcgi  SCRIPT_NAME is the whole path, PATH_INFO absent
 *   mod_proxy_fcgi         below a prefix: as ProxyPass maps it, told by SCRIPT_FILENAME
 *   mod_fcgid              SCRIPT_NAME is the alias or file, PATH_INFO the rest; without either
 *                          (FcgidWrapper … virtual) SCRIPT_NAME is the path's first part that is
 *                          no folder, as with mod_proxy_fcgi in a <Location>
 *   lighttpd               below a prefix: SCRIPT_NAME is the prefix, PATH_INFO the rest;
 *                          at "/" with fix-root-scriptname: "" and the whole path;
 *                          at "/" without: the path's first segment, and the rest
 *
 *   HAProxy                as nginx; with path-info, where that splits (not at the mount point)
 *   Caddy                  SCRIPT_NAME is empty or what the configuration says (env SCRIPT_NAME,
 *                          with handle_path), PATH_INFO the rest; with split, up to there
 *   h2o                    SCRIPT_NAME is empty, PATH_INFO the whole path, below a prefix, too; of a
 *                          file, its name and the rest
 *
 * lighttpd below a prefix looks like lighttpd at "/" without the option.  Over time they differ:
 * below a prefix SCRIPT_NAME is always the same.
 *
 * Follows: PEP 3333, "environ Variables"; RFC 3875 §4.1.5, §4.1.13.
 * @thread any
 * @tstate any
 */
#ifndef FCGI_HOST_CGI_ROUTE_SPLIT_H
#define FCGI_HOST_CGI_ROUTE_SPLIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "fcgi_host/cgi/route.h"
#include "fcgi_host/cgi/route_params.h"
#include "fcgi_host/config/config.h"

/** What requests have shown about lighttpd's binding of an application; 0 at first. */
struct route_binding {
    _Atomic uint64_t seen;
};

/**
 * Fill script_name and path_info of a route to an application.
 * @param resolve_script  asked whether SCRIPT_FILENAME is a file (Apache only)
 */
void route_split(const struct route_params *params, const struct app_config *config,
                 struct route_binding *binding, char *(*resolve_script)(const char *path),
                 struct route *route);

/** The same for a script; `rest` is the path info behind its file name, with as many bytes at the
 *  end of SCRIPT_NAME unless the server has split there already. */
void route_split_script(const struct route_params *params, struct slice rest, struct route *route);

#endif
