/**
 * What is left of the machine's cores, and what a process has used of them: to decide about more
 * workers.
 *
 * Follows: proc(5), sched_getaffinity(2), cpu.max of control groups (the kernel's
 * Documentation/admin-guide/cgroup-v2.rst).
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_CPU_H
#define FCGI_HOST_SUPERVISOR_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Counters at one moment. All zero: none yet. */
struct cpu_sample {
    uint64_t idle, total;       /**< of the cores that this process may use, in ticks */
    uint64_t used_us, taken_us; /**< of the control group that limits it; when (CLOCK_MONOTONIC) */
    uint64_t throttled_us;      /**< how long its processes had to wait for the next period */
    bool is_held_back;          /**< since the sample before that group's quota was too small */
};

/**
 * @param[in,out] sample  the last one, and the next
 * @return how many cores were free since the last sample, of those that this process may use and
 *         of its control group's quota; 0 for the first sample, or if it cannot be read
 */
double cpu_free_cores(struct cpu_sample *sample);

/** @return the milliseconds of CPU time that a process has used, its threads' together; 0: it has
 *          ended */
uint64_t cpu_used_ms(pid_t pid);

#endif
