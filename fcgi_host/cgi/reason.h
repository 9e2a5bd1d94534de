/**
 * The reason phrases of status codes.
 *
 * Follows: RFC 9110 §15; the IANA registry of HTTP status codes.
 * @thread any  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_REASON_H
#define FCGI_HOST_CGI_REASON_H

/** The standard reason of a status; "Unknown" for a status that has none. */
const char *reason_of(int status);

#endif
