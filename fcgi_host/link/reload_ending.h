/**
 * How a reload of an application ended: what a worker keeps of the last one and tells the
 * supervisor, and what the supervisor keeps of the last few.
 *
 * @thread any: each belongs to its caller  @tstate any
 */
#ifndef FCGI_HOST_LINK_RELOAD_ENDING_H
#define FCGI_HOST_LINK_RELOAD_ENDING_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/link/reload_outcome.h"

struct reload_ending {
    char cause[256]; /**< "changed: /srv/blog/views.py"; "": there was no reload */
    enum reload_outcome outcome;
    char verdict[16]; /**< of the stale state check; "": there was no check */
    char why[256];    /**< the old code was kept: the last line of the error; "" */
    double total_ms;
    int64_t at_s; /**< CLOCK_REALTIME */
};

enum { RELOAD_ENDING_BYTES = 640 };

/** Set `why` to the last line of an error's text (text.h). */
void reload_ending_set_why(struct reload_ending *ending, const char *text);

/** Its texts as one, for a message; bytes that would end a line are replaced. */
void reload_ending_write(const struct reload_ending *ending, char ret_text[RELOAD_ENDING_BYTES]);
/** What was written.  `total_ms` and `at_s` are 0; of a text that is none, `outcome` is
 *  RELOAD_OUTCOME_NONE. */
void reload_ending_parse(const char *text, struct reload_ending *ret_ending);

#endif
