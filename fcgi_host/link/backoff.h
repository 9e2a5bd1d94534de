/**
 * How long to wait after a crash before the next try: of a worker that could not serve, before the
 * next is started; of an application that crashes its worker, before it is served again.  Pure.
 *
 * What had served is tried again at once, so that a crash costs its requests only; that is allowed
 * ten times, and once more each six seconds, so that a crash a minute, or a few in a row, cost no
 * time at all.  What died before it could serve, and all once the bucket is empty, waits a quarter
 * of a second, then twice as long each time, at most ten seconds.  A minute of service ends the
 * row.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_LINK_BACKOFF_H
#define FCGI_HOST_LINK_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/** Start with all zeroes. Times: CLOCK_MONOTONIC. */
struct backoff {
    double spent;        /**< of the bucket */
    uint64_t updated_ms; /**< when `spent` was right */
    unsigned row;        /**< waits in a row */
};

/**
 * It has crashed: when may it be tried again?
 * @param served_ms  how long it had served; 0: it never could
 * @return milliseconds from now
 */
unsigned backoff_next_ms(struct backoff *backoff, uint64_t now_ms, uint64_t served_ms);

#endif
