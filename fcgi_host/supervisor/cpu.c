#include "fcgi_host/supervisor/cpu.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/control_group.h"
#include "pool/base/clock.h"

/** So much of a quota is all of it: it cannot be used to the last microsecond. */
#define USED_UP 0.8
/** So much of the time a process that computes is throttled that may not have half a core; one that
 *  mostly waits is throttled for less. */
#define THROTTLED 0.25

/* ---- Cores ---- */

/** Sum up the lines "cpuN user nice system idle iowait irq softirq steal" of the cores in `set`.
 *  @return how many there are; 0: /proc/stat cannot be read */
static unsigned sum_up_cores(const cpu_set_t *set, uint64_t *ret_idle, uint64_t *ret_total) {
    char line[512];
    unsigned count = 0, core;
    unsigned long long ticks[8];
    FILE *stat = fopen("/proc/stat", "re");
    *ret_idle = *ret_total = 0;
    while (stat && fgets(line, sizeof line, stat)) {
        memset(ticks, 0, sizeof ticks);
        if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &core, &ticks[0],
                   &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
                   &ticks[7]) < 5 ||
            core >= CPU_SETSIZE || !CPU_ISSET(core, set)) {
            continue;
        }
        for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
            *ret_total += ticks[i];
        }
        *ret_idle += ticks[3] + ticks[4];
        count++;
    }
    if (stat) {
        fclose(stat);
    }
    return count;
}

static double free_of_machine(struct cpu_sample *sample) {
    cpu_set_t set;
    uint64_t idle, total;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 0;
    }
    unsigned cores = sum_up_cores(&set, &idle, &total);
    double free =
        sample->total && total > sample->total && idle > sample->idle
            ? (double)cores * (double)(idle - sample->idle) / (double)(total - sample->total)
            : 0;
    sample->idle = idle;
    sample->total = total;
    return free;
}

/* ---- The control group's quota ---- */

/** The nearest control group (version 2) with a quota. */
struct quota {
    double cores; /**< 0: there is none */
    uint64_t used_us, throttled_us;
};

static bool look_for_quota(void *ctx, const char *folder, bool is_v2) {
    struct quota *quota = ctx;
    char path[PATH_MAX];
    double quota_us = 0, period_us = 0;
    (void)is_v2;
    if (snprintf(path, sizeof path, "%s/cpu.max", folder) >= (int)sizeof path) {
        return false;
    }
    FILE *file = fopen(path, "re");
    bool is_limited = file && fscanf(file, "%lf %lf", &quota_us, &period_us) == 2 && period_us > 0;
    if (file) {
        fclose(file);
    }
    if (is_limited && snprintf(path, sizeof path, "%s/cpu.stat", folder) < (int)sizeof path) {
        *quota = (struct quota){quota_us / period_us, control_group_field(path, "usage_usec"),
                                control_group_field(path, "throttled_usec")};
    }
    return is_limited;
}

/** By how much a counter of time went on in each second. */
static double rate(uint64_t counter_us, uint64_t before_us, uint64_t elapsed_us) {
    return counter_us > before_us ? (double)(counter_us - before_us) / (double)elapsed_us : 0;
}

/** @return what is left of the quota; none: the sample before tells of no time */
static double left_of_quota(const struct quota *quota, struct cpu_sample *sample) {
    uint64_t now_us = clock_now_ns() / 1000;
    bool is_first = !sample->taken_us || now_us <= sample->taken_us ||
                    quota->used_us < sample->used_us; /* of another group */
    double used = quota->cores;
    if (!is_first) {
        uint64_t elapsed_us = now_us - sample->taken_us;
        used = rate(quota->used_us, sample->used_us, elapsed_us);
        sample->is_held_back =
            used >= USED_UP * quota->cores ||
            rate(quota->throttled_us, sample->throttled_us, elapsed_us) >= THROTTLED;
    }
    sample->used_us = quota->used_us;
    sample->throttled_us = quota->throttled_us;
    sample->taken_us = now_us;
    return quota->cores > used ? quota->cores - used : 0;
}

double cpu_free_cores(struct cpu_sample *sample) {
    struct quota quota = {0};
    double free = free_of_machine(sample);
    sample->is_held_back = false;
    control_group_walk(CONTROL_GROUP_MOUNTS, CONTROL_GROUP_OWN, NULL, look_for_quota, &quota);
    if (quota.cores <= 0) {
        return free;
    }
    double left = left_of_quota(&quota, sample);
    return left < free ? left : free;
}

/* ---- A process ---- */

uint64_t cpu_used_ms(pid_t pid) {
    char path[64], line[1024];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    /* "PID (NAME) STATE ..." where NAME may hold anything; fields 14 and 15. */
    const char *rest = stat && fgets(line, sizeof line, stat) ? strrchr(line, ')') : NULL;
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                        &system) != 2) {
        user = system = 0;
    }
    if (stat) {
        fclose(stat);
    }
    return (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}
