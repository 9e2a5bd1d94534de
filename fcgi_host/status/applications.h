/**
 * The applications of the status document, each over all workers that have it: what people want to
 * see of twenty applications in four workers is twenty lines.
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
    /** What one worker says of it, for all texts: the first of those in which most is wrong. */
    const json_t *shown;
    const char *state;             /**< "failed" in any worker, else one that is not "serving" */
    const char *outcome, *verdict; /**< of the last reload that something was wrong with, or any */
    double workers;
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

/** Whether the last reload has left the old code serving, or its check has found something that
 *  the new code's load has not put right. */
bool status_is_wrong_reload(const char *outcome, const char *verdict);

/** @return the number in a column of the applications' table (fields.h) */
double status_application_number(const struct status_application *application,
                                 const struct status_field *field);

#endif
