/**
 * The head of a response: status and headers as an application gives them, checked, in the form
 * that a FastCGI application writes on FCGI_STDOUT ("Status: 200 OK", then the headers).
 *
 * Life cycle: 1. response_init(); 2. response_set_status(), then response_add_header() for each;
 * 3. response_end_head(), once; 4. response_clear(), after which it is as new.
 *
 * The status is the first line, unless there is a Location: then it is the last one, since HAProxy
 * up to 3.1 takes a Location behind the status for status 302.
 *
 * Content-Length is kept as a number, not among the lines: it may still be set later, when the
 * first block of the body is known.
 *
 * Follows: PEP 3333, "The start_response() Callable"; RFC 3875 §6.3; RFC 9110 §5.6.2, §8.6.
 * @thread one at a time  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_RESPONSE_H
#define FCGI_HOST_CGI_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/request.h"
#include "pool/base/error.h"

/** Heads up to this size need no allocation of their own (a usual one has 100-400 bytes). */
enum { RESPONSE_INLINE_BYTES = 704 };

struct response {
    char *head; /**< the bytes: `inline_head`, or malloc'ed when they don't fit */
    size_t size, capacity;
    int64_t content_length; /**< -1: not known */
    int status;             /**< 0: none was set yet */
    size_t status_bytes;    /**< of its line */
    bool has_location;
    /** A header hands the web server a file to send, such as X-Sendfile: no body is complete. */
    bool names_file;
    const char *left_out; /**< a hop-by-hop header that was; NULL: none */
    char inline_head[RESPONSE_INLINE_BYTES];
};

void response_init(struct response *response);
void response_clear(struct response *response);

/**
 * Take a status such as "200 OK": three digits (200 to 999), a space, a reason without control
 * characters.  To three digits alone the standard reason is added.
 * @return 0, or -1 with the response cleared: ERR_PROTOCOL (says what is wrong), ERR_MEMORY
 */
int response_set_status(struct response *response, struct slice status, struct error *err);

/**
 * Take a header: a token, a value without control characters.  "Status", which would replace the
 * status, is refused; hop-by-hop headers, which are the web server's, are left out (`left_out`).
 * @return 0, or -1: ERR_PROTOCOL (says what is wrong), ERR_MEMORY
 */
int response_add_header(struct response *response, struct slice name, struct slice value,
                        struct error *err);

/** Whether responses of this status have a body at all (RFC 9110 §6.4.1: not 1xx, 204, 304). */
bool response_status_has_body(int status);

/** Write Content-Length (if known and allowed) and the empty line. @return 0, or -1: ERR_MEMORY */
int response_end_head(struct response *response, struct error *err);

#endif
