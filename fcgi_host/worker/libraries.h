/**
 * The libraries that the worker's only application has imported, for the template that workers to
 * come are forked from: CHANNEL_LIBRARIES.  They are told when the worker begins to serve and has
 * loaded, unless it was forked from a template itself, after some of its first requests, since a
 * framework imports much of an application with these, and when it stops; only if there are more
 * than before.
 *
 * Only for an application that is alone, in the main interpreter, with `preload = auto`.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_LIBRARIES_H
#define FCGI_HOST_WORKER_LIBRARIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct application;
struct channel_end;
struct worker_start;

struct libraries {
    const struct channel_end *supervisor;
    bool are_wanted, was_forked;
    unsigned requests;
    atomic_size_t told_bytes; /**< of the last list that was told */
    atomic_bool is_telling;   /**< a thread does */
};

void libraries_init(struct libraries *libraries, const struct worker_start *start,
                    const struct channel_end *supervisor);

/** The worker begins to serve, or everything has loaded: one may come long before the other.
 *  @param application  the only one; NULL: none  @thread any */
void libraries_tell(struct libraries *libraries, const struct application *application);
/** A request has come. */
void libraries_request(struct libraries *libraries, const struct application *application);
/** The worker stops. */
void libraries_stop(struct libraries *libraries, const struct application *application);

#endif
