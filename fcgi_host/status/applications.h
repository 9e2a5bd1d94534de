/**
 * The applications of the status document, each over all workers that have it: what people want to
 * see of twenty applications in four workers is twenty lines.
 *
 * A worker that drains, while another one has the application, adds its numbers only: what it says
 * of code and reloads is over.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_APPLICATIONS_H
#define FCGI_HOST_STATUS_APPLICATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/status/fields.h"

struct status_application {
    const char *name;
    size_t place; /**< in the list, as it was collected */
    /** What one worker says of it, for all texts: the first of those in which most is wrong. */
    const json_t *shown;
    const char *state; /**< "failed" in any worker, else one that is not "serving" */
    /** The last reload, of the first worker that it has left with its old code; that has found
     *  something.  NULL: none. */
    const json_t *kept, *found;
    const json_t *last;       /**< `kept`, `found`, or that of `shown`; NULL: there was no reload */
    unsigned workers, failed; /**< that have it; of these, in which it has failed */
    double requests, in_flight, queued, rejected; /**< of all workers together */
    double generation, p50, p99;                  /**< the largest of any worker */
    double rate;                                  /**< requests a second, for the caller to set */
    /** How much, in `shown`: 0 nothing; 1 it does not serve yet, or no more; 2 its last reload; 3
     * it
     *  has failed. */
    int wrong;
};

struct status_applications {
    struct status_application *items; /**< in the document's order */
    size_t count;
};

/**
 * @param process  of this process group only; NULL: of all
 * @return 0, or -1: out of memory
 * @owns the list is the caller's, status_applications_free(); texts are the document's
 */
int status_applications_collect(const json_t *status, const char *process,
                                struct status_applications *ret_applications);
/** Free what is in it; one with all zeroes is fine. */
void status_applications_free(struct status_applications *applications);

/** How bad a verdict is: the check was not made (""), nothing was found, nothing that the load of
 * the
 *  new code has not put right, anything else. */
enum status_verdict_rank {
    VERDICT_RANK_NONE,
    VERDICT_RANK_CLEAN,
    VERDICT_RANK_HARMLESS,
    VERDICT_RANK_BAD,
};
enum status_verdict_rank status_verdict_rank(const char *verdict);

/** @return the number in a column of the applications' table (fields.h) */
double status_application_number(const struct status_application *application,
                                 const struct status_field *field);

#endif
