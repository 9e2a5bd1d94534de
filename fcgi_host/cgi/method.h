/**
 * Request methods.
 *
 * Follows: RFC 9110 §9.2.
 * @thread any that may use the request  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_METHOD_H
#define FCGI_HOST_CGI_METHOD_H

#include <stdbool.h>

struct request;

/** @return whether a request changes nothing: GET, HEAD, OPTIONS */
bool method_is_safe(const struct request *request);

#endif
