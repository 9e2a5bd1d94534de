/**
 * The status as a page for people: plain HTML without scripts or anything from elsewhere, for wide
 * and narrow screens, light and dark.  What is wrong comes first; then the last fifteen minutes and
 * the last reloads; then each process group with its applications.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_PAGE_H
#define FCGI_HOST_STATUS_PAGE_H

#include <stdbool.h>

#include "fcgi_host/base/json_read.h"

/** @param status    the document (status_round.h); NULL: an empty page
 *  @param is_still  it stays as it is; else it refreshes itself
 *  @return HTML, malloc'ed, or NULL: out of memory */
char *status_page(const json_t *status, bool is_still);

#endif
