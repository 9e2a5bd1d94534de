/**
 * When a task is to run next.
 *
 * @thread any; pure but for the time zone  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_TASK_TIME_H
#define FCGI_HOST_SUPERVISOR_TASK_TIME_H

#include <stdint.h>

/**
 * The next time after `now_s` that a clock on the wall shows a time of day.  Where the clock is put
 * forward over it, that day it is when the clock would have shown it; where the clock is put back,
 * it is the first of the two times.
 * @param minutes  since midnight  @return CLOCK_REALTIME, seconds
 */
int64_t task_time_next(int64_t now_s, int minutes);

#endif
