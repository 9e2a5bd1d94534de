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
    /** Workers of one process group that reload for the same cause do so one after the other, with
     * no
     *  more than this between. */
    RECENT_TOGETHER_MS = 2000,
    RECENT_WORKERS = 32, /**< that can be told from each other in one entry */
};

struct recent_reload {
    char *process, *app; /**< app "": of every application of the process group */
    /** Of several workers together: the first one's, but the longest time and the worst verdict. */
    struct reload_ending ending;
    uint64_t ended_ms; /**< CLOCK_MONOTONIC; the last of them */
    pid_t worker; /**< that reloaded; below 0: a seat, whose worker was replaced; 0: all were */
    pid_t workers[RECENT_WORKERS]; /**< all that did */
    size_t worker_count;
};

/** Start with all zeroes. */
struct recent_reloads {
    struct recent_reload items[RECENT_RELOADS]; /**< the newest first */
    size_t count;
};

/**
 * Add one, or make it one with that of another worker for the same cause; forget the oldest beyond
 * RECENT_RELOADS.  Out of memory: it is not added.
 * @param reload  copied; the workers are set here
 */
void recent_reloads_add(struct recent_reloads *reloads, const struct recent_reload *reload);
void recent_reloads_free(struct recent_reloads *reloads);

#endif
