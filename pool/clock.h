/**
 * Deadlines on the monotonic clock, which a change of the time of day does not move.
 *
 * @thread any  @tstate any
 */
#ifndef POOL_CLOCK_H
#define POOL_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** CLOCK_MONOTONIC now, in nanoseconds. */
uint64_t clock_now_ns(void);
/** The point `ms` milliseconds, or `ns` nanoseconds, from now. */
struct timespec clock_deadline(uint64_t ms);
struct timespec clock_deadline_ns(uint64_t ns);
/** Nanoseconds from now until `deadline`; 0 when it has passed. */
uint64_t clock_left_ns(const struct timespec *deadline);

/** A condition variable that measures time by CLOCK_MONOTONIC. @return 0, or an errno */
int clock_cond_init(pthread_cond_t *cond);

#endif
