/**
 * The status as a table in a terminal: `fcgi_host status`.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_TABLE_H
#define FCGI_HOST_STATUS_TABLE_H

#include <stdio.h>

#include "fcgi_host/base/json_read.h"

/** @param status  the document (status_round.h)
 *  @return text, malloc'ed, or NULL: out of memory */
char *status_table(const json_t *status);

/** The line that says which host this is. */
void status_put_head(FILE *out, const json_t *status);

#endif
