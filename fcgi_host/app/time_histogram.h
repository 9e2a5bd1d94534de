/**
 * A histogram of times with fixed upper bounds, as metrics want one: serving threads add to it
 * without a lock, and what is read from it never becomes less.
 *
 * (latency.h has finer buckets for percentiles, whose bounds are no numbers that people choose.)
 *
 * @thread any
 * @tstate any
 */
#ifndef FCGI_HOST_APP_TIME_HISTOGRAM_H
#define FCGI_HOST_APP_TIME_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    /** From a tenth of a millisecond, less than a Python application takes, to a minute, which is
     *  how long web servers wait. */
    TIME_HISTOGRAM_BOUNDS = 17,
};

/** Start with all zeroes. */
struct time_histogram {
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t
        counts[TIME_HISTOGRAM_BOUNDS + 1]; /**< of each bucket alone; the last: longer */
};

void time_histogram_add(struct time_histogram *histogram, uint64_t nanoseconds);

/** What was in it at a moment. */
struct time_histogram_view {
    uint64_t up_to[TIME_HISTOGRAM_BOUNDS]; /**< times of at most time_histogram_bound_ms(i) */
    uint64_t count;                        /**< all times */
    double sum_ms;
};

/** Read it while others may add: `count` and `up_to` fit each other, `sum_ms` may be a few times
 *  ahead or behind. */
void time_histogram_read(const struct time_histogram *histogram,
                         struct time_histogram_view *ret_view);

/** The upper bound of a bucket, which is in it. @param bucket  below TIME_HISTOGRAM_BOUNDS */
double time_histogram_bound_ms(unsigned bucket);

#endif
