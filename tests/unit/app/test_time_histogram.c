/** Histograms with fixed bounds (OpenMetrics 1.0, "Histogram"). */
#include <criterion/criterion.h>

#include "fcgi_host/app/time_histogram.h"

static uint64_t ns_of(double ms) {
    return (uint64_t)(ms * 1e6 + 0.5);
}

Test(time_histogram, bounds_go_up_from_a_tenth_of_a_millisecond_to_a_minute) {
    cr_assert_float_eq(time_histogram_bound_ms(0), 0.1, 1e-9);
    cr_assert_float_eq(time_histogram_bound_ms(TIME_HISTOGRAM_BOUNDS - 1), 60000, 1e-9);
    for (unsigned i = 1; i < TIME_HISTOGRAM_BOUNDS; i++) {
        cr_assert_gt(time_histogram_bound_ms(i), time_histogram_bound_ms(i - 1));
    }
}

Test(time_histogram, an_empty_one_has_nothing_in_it) {
    struct time_histogram histogram = {0};
    struct time_histogram_view view;
    time_histogram_read(&histogram, &view);
    cr_assert_eq(view.count, 0);
    cr_assert_eq(view.up_to[TIME_HISTOGRAM_BOUNDS - 1], 0);
    cr_assert_float_eq(view.sum_ms, 0, 1e-9);
}

/* "le": less or equal. */
Test(time_histogram, a_bound_is_in_its_bucket_and_what_is_longer_in_the_next) {
    for (unsigned i = 0; i < TIME_HISTOGRAM_BOUNDS; i++) {
        struct time_histogram histogram = {0};
        struct time_histogram_view view;
        time_histogram_add(&histogram, ns_of(time_histogram_bound_ms(i)));
        time_histogram_add(&histogram, ns_of(time_histogram_bound_ms(i)) + 1);
        time_histogram_read(&histogram, &view);
        cr_assert_eq(view.up_to[i], 1, "bound %u", i);
        cr_assert_eq(i > 0 ? view.up_to[i - 1] : 0, 0, "bound %u", i);
        cr_assert_eq(i + 1 < TIME_HISTOGRAM_BOUNDS ? view.up_to[i + 1] : view.count, 2, "bound %u",
                     i);
    }
}

Test(time_histogram, buckets_include_the_ones_below) {
    struct time_histogram histogram = {0};
    struct time_histogram_view view;
    static const double s_ms[] = {0, 0.05, 3, 3, 700, 90000};
    for (unsigned i = 0; i < sizeof s_ms / sizeof s_ms[0]; i++) {
        time_histogram_add(&histogram, ns_of(s_ms[i]));
    }
    time_histogram_read(&histogram, &view);
    for (unsigned i = 0; i < TIME_HISTOGRAM_BOUNDS; i++) {
        uint64_t want = 0;
        for (unsigned k = 0; k < sizeof s_ms / sizeof s_ms[0]; k++) {
            want += s_ms[k] <= time_histogram_bound_ms(i);
        }
        cr_assert_eq(view.up_to[i], want, "up to %f ms", time_histogram_bound_ms(i));
    }
    cr_assert_eq(view.count, 6);
    cr_assert_float_eq(view.sum_ms, 90706.05, 1e-6);
}
