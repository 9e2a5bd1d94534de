/**
 * The end of a worker: it accepts nothing more, finishes what it has, and goes when that is done or
 * its time is up.
 *
 * @thread intake (before intake_run(): the worker's first thread, which becomes it)
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_STOPPING_H
#define FCGI_HOST_WORKER_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

struct channel_end;
struct error;
struct intake;

struct stopping {
    const struct channel_end *supervisor;
    int timer_fd;          /**< readable when the time is up */
    struct intake *intake; /**< NULL until stopping_attach() */
    bool is_begun;
    bool is_last;   /**< once begun: no other worker answers the connections that wait */
    uint64_t at_ns; /**< CLOCK_MONOTONIC; once begun: when the time is up */
};

/** @return 0, or -1: ERR_SYSTEM */
int stopping_init(struct stopping *stopping, const struct channel_end *supervisor,
                  struct error *err);

/** The worker serves from now on; if the end has begun already, `intake` stops accepting here.
 *  @return 0, or -1: ERR_SYSTEM, ERR_MEMORY */
int stopping_attach(struct stopping *stopping, struct intake *intake, struct error *err);

/**
 * Begin the end: within `timeout_ms`, or at the time that was set before, whichever is sooner.
 * @param is_last  accept all connections that wait, because no other worker will; counts in the
 *                 first call only
 */
void stopping_begin(struct stopping *stopping, uint64_t timeout_ms, bool is_last);

/** The time left for applications to end: never too little for their own exit functions. */
unsigned stopping_left_ms(const struct stopping *stopping);

#endif
