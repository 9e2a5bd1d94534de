/**
 * The status as a few lines that change: `fcgi_host top`.  One line for each application, over all
 * workers; those with something wrong come first, then the busiest.  Below, the last reloads.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_OVERVIEW_H
#define FCGI_HOST_STATUS_OVERVIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/base/json_read.h"

/** How much there is to see at a time. */
struct overview_room {
    size_t lines, columns; /**< 0: no limit */
    bool is_utf8; /**< it shows UTF-8: the last fifteen minutes are drawn in block characters */
};

/**
 * @param before  the document of a while ago, for rates; NULL: there is none
 * @param now     the document (status_round.h)
 * @return text, malloc'ed, or NULL: out of memory
 */
char *status_overview(const json_t *before, const json_t *now, const struct overview_room *room);

#endif
