/**
 * A response that is not sent, because another process is to answer the request (wsgi.h, struct
 * wsgi_withhold_hook).  For the application it is as if the web server had gone away.
 */
#ifndef FCGI_HOST_WSGI_WITHHOLD_H
#define FCGI_HOST_WSGI_WITHHOLD_H

#include "fcgi_host/wsgi/exchange.h"

/** A failure of the application: this status and those above it. */
enum { WITHHOLD_FAILURE = 500 };

/**
 * Before anything of the response is sent: ask whether it may be, if an extension module has
 * refused to be imported.
 * @param status  that the response has, or would have
 * @return whether nothing is to be sent, now and later; then peer_has_gone and is_withheld are set
 * @thread any of the interpreter  @tstate attached
 */
bool withhold_response(struct exchange *exchange, int status);

#endif
