/**
 * Deadlines on the monotonic clock, which a change of the time of day does not move.
 *
 * @thread any  @tstate any
 */
#ifndef POOL_BASE_CLOCK_H
#define POOL_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

/** CLOCK_MONOTONIC now, in nanoseconds. */
uint64_t clock_now_ns(void);
/** The same in milliseconds, with fractions: for durations that people read. */
double clock_now_ms(void);
/** The same of any clock, such as a thread's CPU time; 0: there is none. */
uint64_t clock_read_ns(clockid_t clock);
/** A point of any clock as the kernel takes it. */
struct timespec clock_timespec(uint64_t ns);
/** The point `ms` milliseconds, or `ns` nanoseconds, from now. */
struct timespec clock_deadline(uint64_t ms);
struct timespec clock_deadline_ns(uint64_t ns);
/** Nanoseconds from now until `deadline`; 0 when it has passed. */
uint64_t clock_left_ns(const struct timespec *deadline);

/** A condition variable that measures time by CLOCK_MONOTONIC. @return 0, or an errno */
int clock_cond_init(pthread_cond_t *cond);
/** A lock and a condition variable of that kind for what it guards. @return 0, or an errno */
int clock_lock_init(pthread_mutex_t *lock, pthread_cond_t *cond);

#endif
