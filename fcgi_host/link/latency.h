/**
 * Response times: a histogram that serving threads add to without a lock, of an application
 * (application.h) or of a step of the history (history.h).
 *
 * Buckets: powers of two from 1 µs with eight steps each, so a percentile is at most one eighth too
 * high, at any scale.
 *
 * @thread any
 * @tstate any
 */
#ifndef FCGI_HOST_LINK_LATENCY_H
#define FCGI_HOST_LINK_LATENCY_H

#include <stdint.h>

enum {
    /** From 1 µs up to over a minute. */
    LATENCY_BUCKETS = 224,
};

/** The bucket of a time: 0 for less than 1 µs, the last one for the longest times. */
unsigned latency_bucket(uint64_t nanoseconds);

/** The upper end of a bucket, in milliseconds: longer than every time in it. */
double latency_bucket_end_ms(unsigned bucket);

void latency_add(_Atomic uint64_t buckets[LATENCY_BUCKETS], uint64_t nanoseconds);

/** The upper end of the bucket that holds the given share (0.5, 0.99 …); 0 when all are empty. */
double latency_percentile_ms(const _Atomic uint64_t buckets[LATENCY_BUCKETS], double share);

#endif
