/**
 * Pages of the host's own, for requests that an application cannot answer.
 *
 * @thread any  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_ERROR_PAGE_H
#define FCGI_HOST_CGI_ERROR_PAGE_H

#include "fcgi_host/cgi/response.h"

/**
 * Make the page of a status, such as "500 Internal Server Error".
 * @param response   gets status, headers and Content-Length; more headers may be added before
 *                   response_end_head()
 * @param traceback  NULL: a plain line of text; else an HTML page that shows it, escaped, for the
 *                   application's developer
 * @param[out] ret_body  malloc'ed, the caller's; NULL after an error
 * @return 0, or -1: ERR_MEMORY
 */
int error_page_make(struct response *response, const char *status, const char *traceback,
                    char **ret_body, size_t *ret_body_bytes, struct error *err);

#endif
