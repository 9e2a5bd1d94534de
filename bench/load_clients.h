/**
 * A closed loop of requests: each of so many connections asks, waits for the whole answer, checks
 * it, and asks again.  One thread, never blocked by a peer.
 *
 * A time runs from just before connect() or send() to FCGI_END_REQUEST.  A connection that the
 * server closes before it has sent a byte of its second or later answer is replaced and the
 * request sent again, its time going on, as web servers do with connections they keep.
 * @thread one at a time
 */
#ifndef BENCH_LOAD_CLIENTS_H
#define BENCH_LOAD_CLIENTS_H

#include "bench/histogram.h"
#include "bench/load_options.h"

/** What happened in one interval of the timeline. */
struct load_interval {
    uint64_t answers[LOAD_TEXTS], failed, slowest_ns;
};

struct load_result {
    uint64_t began_ns, seconds_ns; /**< CLOCK_MONOTONIC; how long was measured */
    uint64_t asked;                /**< answered rightly, in the warm-up too */
    uint64_t faults[FAULT_COUNT];  /**< in the warm-up too */
    uint64_t retried, starved;
    struct histogram times; /**< right answers of the measured time */
    struct load_interval *timeline;
    size_t timeline_count;
};

/** Ask until the time is over. @return 0, or -1 with errno (no descriptors, no memory) */
int load_run(const struct load_options *options, struct load_result *ret);
void load_result_free(struct load_result *result);

#endif
