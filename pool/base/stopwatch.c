#include "pool/base/stopwatch.h"

#include <time.h>

#include "pool/base/clock.h"

struct stopwatch stopwatch_read(void) {
    return (struct stopwatch){
        .wall_ns = clock_now_ns(),
        .process_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
        .thread_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID),
    };
}

double stopwatch_ms(const struct stopwatch *begin, bool own_gil) {
    const struct stopwatch end = stopwatch_read();
    uint64_t wall_ns = end.wall_ns - begin->wall_ns;
    uint64_t own_ns = end.thread_ns - begin->thread_ns;
    uint64_t process_ns = end.process_ns - begin->process_ns;
    uint64_t others_ns = process_ns > own_ns && !own_gil ? process_ns - own_ns : 0;
    uint64_t took_ns = wall_ns > others_ns + own_ns ? wall_ns - others_ns : own_ns;
    return (double)took_ns / CLOCK_NS_PER_MS;
}
