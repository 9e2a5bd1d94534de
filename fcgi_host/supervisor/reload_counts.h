/**
 * How many reloads have ended, and how: for each application of each process group, as long as the
 * host runs.  Workers come and go with reloads, so none of them could count those that replaced it.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_RELOAD_COUNTS_H
#define FCGI_HOST_SUPERVISOR_RELOAD_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/link/reload_outcome.h"

enum {
    /** Scripts beyond these are not counted: there may be as many as files. */
    RELOAD_COUNTS_MAX = 4096,
};

/** Of one application in one process group. */
struct reload_count {
    struct reload_count *next;
    char *process, *app;
    uint64_t switched, kept, replaced;
};

/** Start with all zeroes. */
struct reload_counts {
    struct reload_count *first; /**< in the order in which they were added */
    size_t count;
};

/** @return the count of an application, added with zeroes if need be; NULL: there are
 *          RELOAD_COUNTS_MAX, or there is no memory */
struct reload_count *reload_counts_of(struct reload_counts *counts, const char *process,
                                      const char *app);
/** A reload has ended.  Other outcomes than switched, kept and replaced are not counted. */
void reload_counts_add(struct reload_counts *counts, const char *process, const char *app,
                       enum reload_outcome outcome);
void reload_counts_free(struct reload_counts *counts);

#endif
