/**
 * The last reloads of all applications, for people who look at the status: how each ended, and what
 * the check found.  Workers come and go with reloads, so none of them could keep this.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_RECENT_RELOADS_H
#define FCGI_HOST_SUPERVISOR_RECENT_RELOADS_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/link/reload_ending.h"

enum { RECENT_RELOADS = 30 };

struct recent_reload {
    char *process, *app; /**< app "": of every application of the process group */
    struct reload_ending ending;
    uint64_t ended_ms; /**< CLOCK_MONOTONIC */
};

/** Start with all zeroes. */
struct recent_reloads {
    struct recent_reload items[RECENT_RELOADS]; /**< the newest first */
    size_t count;
};

/** Add one, and forget the oldest beyond RECENT_RELOADS; out of memory: it is not added.
 *  @param now_ms  CLOCK_MONOTONIC */
void recent_reloads_add(struct recent_reloads *reloads, const char *process, const char *app,
                        const struct reload_ending *ending, uint64_t now_ms);
void recent_reloads_free(struct recent_reloads *reloads);

#endif
