/**
 * Text in HTML.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_HTML_H
#define FCGI_HOST_BASE_HTML_H

#include <stddef.h>
#include <stdio.h>

/** Write text so that it shows as it is, between tags and in quoted attributes: & < > " ' are
 *  escaped. */
void html_put_text(FILE *out, const char *text, size_t size);

#endif
