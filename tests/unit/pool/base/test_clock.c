#include "pool/base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

Test(clock, a_point_is_split_into_seconds_and_nanoseconds) {
    struct timespec at = clock_timespec(12ULL * 1000 * CLOCK_NS_PER_MS + 34);
    cr_expect(eq(long, (long)at.tv_sec, 12));
    cr_expect(eq(long, at.tv_nsec, 34));
}

Test(clock, a_deadline_is_as_far_away_as_it_was_asked_for) {
    struct timespec deadline = clock_deadline(60 * 1000);
    uint64_t left_ns = clock_left_ns(&deadline);
    cr_expect(le(u64, left_ns, 60ULL * 1000 * CLOCK_NS_PER_MS));
    cr_expect(gt(u64, left_ns, 30ULL * 1000 * CLOCK_NS_PER_MS));
    struct timespec past = clock_timespec(1);
    cr_expect(eq(u64, clock_left_ns(&past), 0));
}

Test(clock, a_condition_variable_waits_by_the_monotonic_clock) {
    pthread_mutex_t lock;
    pthread_cond_t never;
    cr_assert(eq(int, clock_lock_init(&lock, &never), 0));
    uint64_t begin_ns = clock_now_ns();
    struct timespec deadline = clock_deadline(20);
    pthread_mutex_lock(&lock);
    int failure = 0;
    while (failure == 0) {
        failure = pthread_cond_timedwait(&never, &lock, &deadline);
    }
    pthread_mutex_unlock(&lock);
    cr_expect(eq(int, failure, ETIMEDOUT));
    cr_expect(ge(u64, clock_now_ns() - begin_ns, 20ULL * CLOCK_NS_PER_MS));
}
