/**
 * How a reload ended, as the processes tell each other and as status, metrics and log name it.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_LINK_RELOAD_OUTCOME_H
#define FCGI_HOST_LINK_RELOAD_OUTCOME_H

enum reload_outcome {
    RELOAD_OUTCOME_NONE,         /**< there was no reload */
    RELOAD_OUTCOME_SWITCHED,     /**< the new code serves, in the same process */
    RELOAD_OUTCOME_KEPT,         /**< the new code failed: the old code serves on */
    RELOAD_OUTCOME_REPLACED,     /**< the new code serves, in a new worker process */
    RELOAD_OUTCOME_NEEDS_WORKER, /**< a worker's answer: only a new process can do it */
    RELOAD_OUTCOME_UNKNOWN,      /**< the host's answer: it has no such command or application */
};

/** The name that stands in messages and in the status: "switched", "kept" … @return static text */
const char *reload_outcome_name(enum reload_outcome outcome);

/** @return the outcome of that name; RELOAD_OUTCOME_NONE for a name that is not one */
enum reload_outcome reload_outcome_parse(const char *name);

#endif
