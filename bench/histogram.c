#include "bench/histogram.h"

#include <inttypes.h>
#include <stdbool.h>

/* Below 128 ns a bucket is one ns; from there on `shift` low bits of a time are not looked at. */
static unsigned bucket_of(uint64_t ns) {
    if (ns >> HISTOGRAM_MOST_BITS) {
        return HISTOGRAM_BUCKETS - 1;
    }
    if (ns < HISTOGRAM_LINEAR) {
        return (unsigned)ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_LINEAR_BITS;
    return shift * HISTOGRAM_LINEAR + (unsigned)(ns >> shift);
}

/* The greatest time in the bucket, as far as is known. */
static uint64_t upper_ns(const struct histogram *histogram, unsigned bucket) {
    unsigned shift = bucket < HISTOGRAM_LINEAR ? 0 : bucket / HISTOGRAM_LINEAR - 1;
    uint64_t first = (uint64_t)(bucket - shift * HISTOGRAM_LINEAR) << shift;
    uint64_t upper = first + ((uint64_t)1 << shift) - 1;
    bool is_last = bucket == HISTOGRAM_BUCKETS - 1; /* it has no bound */
    return is_last || upper > histogram->most_ns ? histogram->most_ns : upper;
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->counts[bucket_of(ns)]++;
    histogram->total++;
    if (ns > histogram->most_ns) {
        histogram->most_ns = ns;
    }
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double part) {
    double wanted = part * (double)histogram->total;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram->total > 0; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && (double)seen >= wanted) {
            return upper_ns(histogram, i);
        }
    }
    return histogram->most_ns;
}

void histogram_print(const struct histogram *histogram, FILE *out) {
    const char *separator = "";
    fputc('[', out);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->counts[i] > 0) {
            fprintf(out, "%s[%.3f, %" PRIu64 "]", separator, (double)upper_ns(histogram, i) / 1e3,
                    histogram->counts[i]);
            separator = ", ";
        }
    }
    fputc(']', out);
}
