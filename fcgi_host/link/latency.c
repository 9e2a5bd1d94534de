#include "fcgi_host/link/latency.h"

#include <math.h>
#include <stdatomic.h>

/* Bucket 0 is all below 1 µs; then, for each power of two of microseconds, eight steps. */
enum { STEPS = 8, STEP_BITS = 3 };

unsigned latency_bucket(uint64_t nanoseconds) {
    uint64_t eighths = nanoseconds * STEPS / 1000; /* of a microsecond */
    if (eighths < STEPS) {
        return 0;
    }
    unsigned power = 63u - (unsigned)__builtin_clzll(eighths) - STEP_BITS;
    unsigned step = (unsigned)(eighths >> power) - STEPS;
    unsigned bucket = 1 + power * STEPS + step;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

double latency_bucket_end_ms(unsigned bucket) {
    unsigned power = bucket == 0 ? 0 : (bucket - 1) / STEPS;
    unsigned step = bucket == 0 ? 0 : (bucket - 1) % STEPS + 1;
    return ldexp(1 + step / (double)STEPS, (int)power) / 1000;
}

void latency_add(_Atomic uint64_t buckets[LATENCY_BUCKETS], uint64_t nanoseconds) {
    atomic_fetch_add_explicit(&buckets[latency_bucket(nanoseconds)], 1, memory_order_relaxed);
}

double latency_percentile_ms(const _Atomic uint64_t buckets[LATENCY_BUCKETS], double share) {
    uint64_t counts[LATENCY_BUCKETS], total = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        counts[i] = atomic_load_explicit(&buckets[i], memory_order_relaxed);
        total += counts[i];
    }
    uint64_t wanted = (uint64_t)ceil(share * (double)total), seen = 0;
    for (unsigned i = 0; total > 0 && i < LATENCY_BUCKETS; i++) {
        seen += counts[i];
        if (seen >= wanted && seen > 0) {
            return latency_bucket_end_ms(i);
        }
    }
    return 0;
}
