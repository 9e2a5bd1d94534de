/**
 * Which FastCGI parameters become part of environ, and which have an effect beside their text.
 *
 * Follows: PEP 3333, "environ Variables"; RFC 3875 §4.1.
 * @thread any  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_ENVIRON_FILTER_H
#define FCGI_HOST_CGI_ENVIRON_FILTER_H

#include <stdbool.h>
#include <stddef.h>

enum environ_rule {
    ENVIRON_TAKE,      /**< as it is */
    ENVIRON_PRIVATE,   /**< as it is, and no copy of the value outlives the request */
    ENVIRON_DROP,      /**< never */
    ENVIRON_NOT_EMPTY, /**< as it is, unless it is empty: PEP 3333 wants a value */
    ENVIRON_HOST,      /**< the same, without the port that HAProxy sends with it */
    ENVIRON_LENGTH,    /**< as it is, unless it is negative, which says that nobody knows it */
    ENVIRON_METHOD,    /**< the same; HEAD has no body */
    ENVIRON_HTTPS,     /**< as it is; decides wsgi.url_scheme */
    ENVIRON_SCHEME,    /**< as it is; decides wsgi.url_scheme unless HTTPS does */
};

enum environ_rule environ_filter_rule(const char *name, size_t size);

/** The size of a SERVER_NAME without ":port" (RFC 3875 §4.1.14: a name, an IPv4 address, or an IPv6
 *  address in brackets). */
size_t environ_filter_host_size(const char *value, size_t size);

/** Whether a value of HTTPS says that the request came over TLS: as wsgiref.util.guess_scheme(),
 *  and "true", in any case. */
bool environ_filter_is_https(const char *value, size_t size);

#endif
