/**
 * The limits of a worker: request_timeout_s, slow_request_s, max_requests, max_rss_mb, and the
 * stacks that SIGUSR2 asks for.  The limits thread looks at the scoreboard when the nearest
 * deadline of a running request comes, and sleeps while there is none.
 *
 * A slow request's Python stack is logged ([request.slow]).
 * When a request runs out of time, its stack is logged ([request.timeout]) and
 * fcgi_host.RequestTimeout is raised in its thread.  If the request still runs a second later, it
 * is answered without that thread; five seconds later the thread is stuck in C, and the worker asks
 * to be replaced.
 */
#ifndef FCGI_HOST_APP_LIMITS_H
#define FCGI_HOST_APP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/link/scoreboard.h"
#include "pool/base/job.h"

struct limits;

struct limits_options {
    struct scoreboard *board;
    unsigned max_rss_mb;   /**< 0: none */
    uint64_t max_requests; /**< of all applications together; 0: none */
    /** Ask for a worker replacement. @param is_urgent  this worker cannot go on @thread limits */
    void (*replace)(void *ctx, const char *why, bool is_urgent);
    /**
     * Answer a request in place of its thread, which does not come back in time.  The request's
     * lease lasts until this returns.  Optional.
     * @param[out] ret_what  what was done, for the log; NULL: nothing, the request has just ended
     * @return false: its thread is using the request at this moment, try again
     * @thread limits
     */
    bool (*answer)(void *ctx, unsigned slot_index, const struct slot_view *view,
                   const char **ret_what);
    /**
     * Whether the client of a request has gone, after limits_client_event(). Optional.
     * @return false: its thread is using the request at this moment, try again
     * @thread limits
     */
    bool (*find_client_gone)(void *ctx, unsigned slot_index, const struct slot_view *view,
                             bool *ret_is_gone);
    void *ctx;
};

/** Start the thread, which runs until the process ends. @return NULL: ERR_SYSTEM, ERR_MEMORY */
struct limits *limits_start(const struct limits_options *options, struct error *err);

/**
 * A request begins on the calling thread: fill the thread's slot and watch the request's time.
 * @return the slot, for limits_end(); NULL when all slots are taken
 * @thread generation  @tstate attached
 */
struct scoreboard_slot *limits_begin(struct limits *limits, const struct lease *lease,
                                     struct application *application, const char *request_id,
                                     const char *line);

/** The same for what runs beside requests, and has no request_timeout_s and no client.
 *  @param slow_s  after so long its stack is logged; 0: never */
struct scoreboard_slot *limits_begin_aside(struct limits *limits, const struct lease *lease,
                                           const struct application *application,
                                           const char *request_id, const char *line,
                                           unsigned slow_s);

/**
 * The request that limits_begin() began has ended; it may have been freed.
 * @param application  NULL: the request does not count, because it is to run once more
 * @thread generation  @tstate attached; detaches while RequestTimeout is being raised in the
 *         calling thread
 */
void limits_end(struct limits *limits, struct scoreboard_slot *slot,
                struct application *application);

/** The client of some request has sent something or gone: where find_client_gone() says "gone",
 *  fcgi_host.ClientGone is raised. @thread any */
void limits_client_event(struct limits *limits);

/** Log the Python stack of every thread that serves a request. @thread any @tstate none */
void limits_log_stacks(struct limits *limits);

/** The same for the threads of one generation: what keeps it from being ended. @thread any */
void limits_log_stacks_of(struct limits *limits, const struct generation *generation);

/** The replacement that was asked for did not happen: the next reason is told again. @thread any */
void limits_replacement_kept(struct limits *limits);

#endif
