/**
 * How long the calling thread's work takes in a process where other threads compete for the GIL.
 *
 * @thread one: both readings are the same thread's  @tstate any
 */
#ifndef POOL_BASE_STOPWATCH_H
#define POOL_BASE_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

/** When the work began, by the clocks that tell how long it took. */
struct stopwatch {
    uint64_t wall_ns, process_ns, thread_ns;
};

struct stopwatch stopwatch_read(void);

/**
 * @param own_gil  other threads may compute at the same time
 * @return the milliseconds since `begin`, without what other threads computed meanwhile: they had
 *         the GIL
 */
double stopwatch_ms(const struct stopwatch *begin, bool own_gil);

#endif
