#include "fcgi_host/app/time_histogram.h"

#include <assert.h>

#define NS_PER_MS 1e6

static const uint64_t s_bounds_us[TIME_HISTOGRAM_BOUNDS] = {
    100,    500,    1000,    2500,    5000,    10000,    25000,    50000,    100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

static unsigned bucket_of(uint64_t nanoseconds) {
    unsigned bucket = 0;
    while (bucket < TIME_HISTOGRAM_BOUNDS && nanoseconds > s_bounds_us[bucket] * 1000) {
        bucket++; /* most times are in one of the first */
    }
    return bucket;
}

void time_histogram_add(struct time_histogram *histogram, uint64_t nanoseconds) {
    atomic_fetch_add_explicit(&histogram->counts[bucket_of(nanoseconds)], 1, memory_order_relaxed);
    if (nanoseconds > 0) {
        atomic_fetch_add_explicit(&histogram->sum_ns, nanoseconds, memory_order_relaxed);
    }
}

void time_histogram_read(const struct time_histogram *histogram,
                         struct time_histogram_view *ret_view) {
    uint64_t sum_ns = atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    ret_view->count = 0;
    for (unsigned i = 0; i <= TIME_HISTOGRAM_BOUNDS; i++) {
        ret_view->count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        if (i < TIME_HISTOGRAM_BOUNDS) {
            ret_view->up_to[i] = ret_view->count;
        }
    }
    ret_view->sum_ms = (double)sum_ns / NS_PER_MS;
}

double time_histogram_bound_ms(unsigned bucket) {
    assert(bucket < TIME_HISTOGRAM_BOUNDS);
    return (double)s_bounds_us[bucket] / 1000;
}
