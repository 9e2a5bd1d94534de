/* The benchmarks' histogram.  Expected values: HdrHistogram's definition, a relative width of a
 * bucket of 2^-7 at most, and plain sorting. */
#include "bench/histogram.h"

#include <criterion/criterion.h>

static struct histogram s_histogram;

static uint64_t alone_ns(uint64_t ns) {
    s_histogram = (struct histogram){0};
    histogram_add(&s_histogram, ns);
    histogram_add(&s_histogram, UINT64_C(1) << 39); /* so that the first is not the most */
    return histogram_percentile_ns(&s_histogram, 0.5);
}

Test(histogram, short_times_are_exact) {
    for (uint64_t ns = 0; ns < 256; ns++) {
        cr_assert_eq(alone_ns(ns), ns);
    }
}

Test(histogram, a_time_is_at_most_one_part_in_128_too_high) {
    for (uint64_t ns = 256; ns < UINT64_C(1) << 38; ns += ns / 97 + 1) {
        uint64_t found = alone_ns(ns);
        cr_assert(found >= ns && found - ns <= ns / 128, "%lu for %lu", (unsigned long)found,
                  (unsigned long)ns);
    }
}

Test(histogram, percentiles_are_those_of_the_sorted_times) {
    for (uint64_t ns = 1; ns <= 100; ns++) {
        histogram_add(&s_histogram, ns);
    }
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 0.5), 50);
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 0.99), 99);
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 1), 100);
    cr_assert_eq(s_histogram.total, 100);
}

Test(histogram, the_most_is_exact_and_no_percentile_exceeds_it) {
    histogram_add(&s_histogram, 1000001);
    cr_assert_eq(s_histogram.most_ns, 1000001);
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 0.5), 1000001);
}

Test(histogram, times_beyond_the_last_bucket_are_counted_in_it) {
    histogram_add(&s_histogram, UINT64_MAX);
    cr_assert_eq(s_histogram.counts[HISTOGRAM_BUCKETS - 1], 1);
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 0.5), UINT64_MAX);
}

Test(histogram, without_times_every_percentile_is_zero) {
    cr_assert_eq(histogram_percentile_ns(&s_histogram, 0.99), 0);
}
