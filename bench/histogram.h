/**
 * Times as a log-linear histogram, the way HdrHistogram counts them: every power of two is cut into
 * 128 equal buckets, so that a percentile is at most 0.8 % too high however long the tail is, and
 * histograms of several runs can be added bucket by bucket.
 * @thread one at a time
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_LINEAR_BITS = 7,
    HISTOGRAM_LINEAR = 1 << HISTOGRAM_LINEAR_BITS, /**< buckets of each power of two */
    HISTOGRAM_MOST_BITS = 40,                      /**< 18 minutes in ns; longer ones count as it */
    HISTOGRAM_BUCKETS = (HISTOGRAM_MOST_BITS - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS,
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t most_ns; /**< exactly */
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/** What this part (0 … 1) of the times did not exceed, in ns; 0 when there are none. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double part);

/** The buckets that are not empty as a JSON array of [upper bound in µs, count]. */
void histogram_print(const struct histogram *histogram, FILE *out);

#endif
