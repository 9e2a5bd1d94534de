/**
 * What a Content-Security-Policy leaves to a script that the host adds to a page, which opens a
 * stream of events of the page's own origin.
 *
 * Follows: CSP Level 3, §2.2 (parsing), §6.1 (directives), §6.7.3 (matching).  What a policy names
 * by host, path or hash is taken for forbidden.
 * @thread any  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_CSP_H
#define FCGI_HOST_CGI_CSP_H

#include <stdbool.h>

#include "fcgi_host/fastcgi/params.h"

/** How the script may be there, the simplest first. */
enum csp_way {
    CSP_INLINE,    /**< in the page */
    CSP_NONCE,     /**< the same, with the page's nonce */
    CSP_SELF,      /**< from a path of the origin */
    CSP_FORBIDDEN, /**< not at all, or it could not open the stream */
};

/** All policies of a page: each must allow it. */
struct csp {
    bool forbids_inline, forbids_nonce, forbids_self, forbids_all;
    struct slice nonce; /**< a piece of a policy; empty: none has one */
};

/** Nothing is forbidden yet: all zero.  Add the value of one header, which may hold several
 *  policies.  Its bytes must outlive `csp`. */
void csp_add(struct csp *csp, struct slice value);

/** @return what all policies allow */
enum csp_way csp_way(const struct csp *csp);

#endif
