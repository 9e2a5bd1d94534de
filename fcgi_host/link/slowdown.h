/**
 * Applications that crash the workers they share with others: each is answered 503 for a time that
 * grows, so that its neighbours lose no more requests by it.  Pure.
 *
 * The supervisor counts crashes; a worker has the copy that fork() gave it, and is told of later
 * changes.
 *
 * @thread the supervisor's; in a worker: intake  @tstate none
 */
#ifndef FCGI_HOST_LINK_SLOWDOWN_H
#define FCGI_HOST_LINK_SLOWDOWN_H

#include <stdint.h>

struct slowdown;

/** @return nothing is slowed down; NULL when out of memory  @owns the caller */
struct slowdown *slowdown_new(void);
/** NULL is fine. */
void slowdown_free(struct slowdown *slowdown);

/**
 * A worker died of a request of `app`.  Ten times, and once more each six seconds, that has no
 * consequence (backoff.h).
 * @param now_ms  CLOCK_MONOTONIC
 * @return for how many milliseconds from now it is slowed down; 0: it is not
 */
unsigned slowdown_crashed(struct slowdown *slowdown, const char *app, uint64_t now_ms);
/** It is slowed down up to this time, as the supervisor says. Out of memory: it is not. */
void slowdown_set(struct slowdown *slowdown, const char *app, uint64_t until_ms);
/** @return up to when; 0: it never was */
uint64_t slowdown_until_ms(const struct slowdown *slowdown, const char *app);

#endif
