/**
 * The status as a page for people: plain HTML without scripts or anything from elsewhere; it
 * refreshes itself.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_PAGE_H
#define FCGI_HOST_STATUS_PAGE_H

#include "fcgi_host/base/json_read.h"

/** @param status  the document (status_round.h); NULL: an empty page
 *  @return HTML, malloc'ed, or NULL: out of memory */
char *status_page(const json_t *status);

#endif
