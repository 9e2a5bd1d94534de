/**
 * One request: environ, the application's call, the response, and what is logged about it.
 *
 * @thread the serving thread  @tstate attached; runs the application
 */
#ifndef FCGI_HOST_WSGI_ANSWER_H
#define FCGI_HOST_WSGI_ANSWER_H

#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/loaded.h"

/**
 * Let an application answer a request; wsgi_current() must describe it.  Exceptions end here.
 * @return how the request is to be finished; the exchange is closed
 */
enum request_end answer_request(struct wsgi_loaded *loaded, struct exchange *exchange,
                                struct request *request);

#endif
