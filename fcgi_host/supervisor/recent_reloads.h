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
#include <sys/types.h>

#include "fcgi_host/link/reload_ending.h"

enum {
    RECENT_RELOADS = 30,
    /** Workers of one process group that reload for the same cause do so within this time. */
    RECENT_TOGETHER_MS = 2000,
};

struct recent_reload {
    char *process, *app; /**< app "": of every application of the process group */
    /** Of several workers together: the first one's, but the longest time and the worst verdict. */
    struct reload_ending ending;
    uint64_t ended_ms; /**< CLOCK_MONOTONIC */
    unsigned workers;  /**< that reloaded so; 0: they were replaced */
    pid_t last_worker; /**< of these */
};

/** Start with all zeroes. */
struct recent_reloads {
    struct recent_reload items[RECENT_RELOADS]; /**< the newest first */
    size_t count;
};

/**
 * Add one, or make it one with that of another worker for the same cause; forget the oldest beyond
 * RECENT_RELOADS.  Out of memory: it is not added.
 * @param reload  copied; `workers` is set here
 */
void recent_reloads_add(struct recent_reloads *reloads, const struct recent_reload *reload);
void recent_reloads_free(struct recent_reloads *reloads);

#endif
