#include <criterion/criterion.h>

#include "fcgi_host/link/latency.h"

/* The histogram promises: never too low, at most one eighth too high (latency.h). */
static void assert_near(double percentile_ms, double true_ms) {
    cr_assert_geq(percentile_ms, true_ms);
    cr_assert_leq(percentile_ms, true_ms * 1.125 + 0.001, "%f for %f", percentile_ms, true_ms);
}

Test(latency, a_time_is_in_a_bucket_that_ends_above_it_by_at_most_an_eighth) {
    for (uint64_t ns = 1000; ns < UINT64_C(60000000000); ns += ns / 13 + 1) {
        unsigned bucket = latency_bucket(ns);
        assert_near(latency_bucket_end_ms(bucket), (double)ns / 1e6);
        cr_assert_gt((double)ns / 1e6, bucket ? latency_bucket_end_ms(bucket - 1) * 0.9999 : 0);
    }
}

Test(latency, buckets_end_one_above_the_other) {
    for (unsigned i = 1; i < LATENCY_BUCKETS; i++) {
        cr_assert_gt(latency_bucket_end_ms(i), latency_bucket_end_ms(i - 1));
    }
    cr_assert_gt(latency_bucket_end_ms(LATENCY_BUCKETS - 1), 60000);
}

Test(latency, what_is_longer_than_the_last_bucket_is_in_it) {
    cr_assert_eq(latency_bucket(UINT64_C(3600000000000)), LATENCY_BUCKETS - 1);
    cr_assert_eq(latency_bucket(0), 0);
}

Test(latency, percentiles_of_nothing_are_0) {
    _Atomic uint64_t buckets[LATENCY_BUCKETS] = {0};
    cr_assert_eq(latency_percentile_ms(buckets, 0.99), 0);
}

Test(latency, percentiles_are_those_of_the_sorted_times) {
    _Atomic uint64_t buckets[LATENCY_BUCKETS] = {0};
    for (uint64_t i = 1; i <= 1000; i++) { /* 0.1 ms, 0.2 ms … 100 ms */
        latency_add(buckets, i * 100000);
    }
    assert_near(latency_percentile_ms(buckets, 0.50), 50);
    assert_near(latency_percentile_ms(buckets, 0.90), 90);
    assert_near(latency_percentile_ms(buckets, 0.99), 99);
    assert_near(latency_percentile_ms(buckets, 1.00), 100);
}

Test(latency, one_slow_response_in_a_hundred_is_not_the_median) {
    _Atomic uint64_t buckets[LATENCY_BUCKETS] = {0};
    for (int i = 0; i < 99; i++) {
        latency_add(buckets, 1000000);
    }
    latency_add(buckets, UINT64_C(5000000000));
    assert_near(latency_percentile_ms(buckets, 0.50), 1);
    assert_near(latency_percentile_ms(buckets, 0.99), 1);
    assert_near(latency_percentile_ms(buckets, 1.00), 5000);
}
