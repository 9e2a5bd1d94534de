/**
 * Answers that the host gives itself, in place of an application: overloaded, failed, not found.
 *
 * FCGI_OVERLOADED would be the protocol's word for a full queue, but nginx, Apache and lighttpd
 * turn it into a 502 or 500 of their own, without Retry-After. So the answer for a busy application
 * is a page with status 503, which all three pass on.
 *
 * @thread any that owns the request; on the intake thread no function here waits for the peer
 * @tstate none
 */
#ifndef FCGI_HOST_CGI_REPLY_H
#define FCGI_HOST_CGI_REPLY_H

#include <stddef.h>

#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/fastcgi/request.h"

/**
 * Answer with a status of the host's own and finish the request.
 * @param status       "503 Service Unavailable"
 * @param retry_after  seconds, as text; NULL: no such header
 * @param detail       shown in the page, escaped, for the application's developer; NULL: nothing
 */
void reply_status(struct request *request, const char *status, const char *retry_after,
                  const char *detail);

/**
 * The same for an application that has failed to load, whose page in the browser goes on by itself
 * when it is repaired.
 * @param mark  of the page; NULL: it does not
 */
void reply_failure(struct request *request, const char *status, const char *retry_after,
                   const char *detail, const struct live_mark *mark);

/** Answer 200 with this content and finish the request. Authorizers are refused (403). */
void reply_content(struct request *request, const char *type, const char *content, size_t bytes);
/** The same as plain text, with another status. */
void reply_text(struct request *request, const char *status, const char *text);

#endif
