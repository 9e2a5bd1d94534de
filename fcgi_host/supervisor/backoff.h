/**
 * How long to wait before a worker that died is started again.  Pure.
 *
 * A worker that had served is started again at once, so that a crash costs its requests only;
 * that is allowed ten times, and once more each six seconds, so that a crash a
 * minute, or a few in a row, costs no time at all.  A worker that died before it could serve, and
 * every worker once the bucket is empty, waits a quarter of a second, then twice as long each time,
 * at most ten seconds.  A worker that served for a minute ends the row.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_BACKOFF_H
#define FCGI_HOST_SUPERVISOR_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/** Start with all zeroes. Times: CLOCK_MONOTONIC. */
struct backoff {
    double spent;        /**< of the bucket */
    uint64_t updated_ms; /**< when `spent` was right */
    unsigned row;        /**< waits in a row */
};

/**
 * A worker died: when may the next one start?
 * @param served_ms  how long it had served; 0: it never could
 * @return milliseconds from now
 */
unsigned backoff_next_ms(struct backoff *backoff, uint64_t now_ms, uint64_t served_ms);

#endif
