/**
 * The script that keeps pages fresh, as a response gets it (cgi/live_page.h).
 * @thread any of the interpreter  @tstate attached, unless said otherwise
 */
#ifndef FCGI_HOST_WSGI_LIVE_H
#define FCGI_HOST_WSGI_LIVE_H

#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/loaded.h"

/** An application is being loaded: what its pages come from. */
void live_begin_load(struct wsgi_loaded *loaded);

/** The exchange is entered: whether its request asks for a page. */
void live_begin_request(struct exchange *exchange, const struct wsgi_loaded *loaded);

/** As response_end_head(); the page is decided about, and its length is that with the script. */
int live_end_head(struct exchange *exchange, struct error *err);

/** As live_page_place(), also of a response that does not get the script.*/
int live_place(struct exchange *exchange, const void *block, size_t size, bool is_last,
               struct iovec ret_parts[LIVE_PARTS]);

/** Log, once for each generation, that a policy keeps the script out. */
void live_log(struct wsgi_loaded *loaded, const struct exchange *exchange);

#endif
