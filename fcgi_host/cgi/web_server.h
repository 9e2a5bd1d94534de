/**
 * What the web server of a request cannot take, as its SERVER_SOFTWARE tells.
 *
 * @thread any  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_WEB_SERVER_H
#define FCGI_HOST_CGI_WEB_SERVER_H

#include <stdbool.h>

#include "fcgi_host/fastcgi/request.h"

/**
 * Whether it can be sent FCGI_STDERR.  HAProxy before 2.9 may crash when such a record comes by
 * itself (its commit 665703d45 of 2023-09-11 mends that; some later releases of 2.4 to 2.8 have it,
 * which SERVER_SOFTWARE does not tell of every distribution's).
 */
bool web_server_takes_errors(struct slice server_software);

#endif
