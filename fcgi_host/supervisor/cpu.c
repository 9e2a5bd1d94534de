#include "fcgi_host/supervisor/cpu.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pool/base/clock.h"

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

/** The folder of the nearest control group (version 2) with a quota. @return cores, 0: no quota */
static double find_quota(char *folder, size_t size) {
    char path[PATH_MAX], line[PATH_MAX] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file) && strncmp(line, "0::", 3) != 0) {
        line[0] = '\0';
    }
    if (file) {
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "0::", 3) != 0) {
        return 0;
    }
    snprintf(folder, size, "/sys/fs/cgroup%s", line + 3);
    for (;;) {
        double quota = 0, period = 0;
        snprintf(path, sizeof path, "%.*s/cpu.max", PATH_MAX - 16, folder);
        file = fopen(path, "re");
        bool is_limited = file && fscanf(file, "%lf %lf", &quota, &period) == 2 && period > 0;
        if (file) {
            fclose(file);
        }
        char *slash = strrchr(folder, '/');
        if (is_limited) {
            return quota / period;
        }
        if (!slash || strcmp(folder, "/sys/fs/cgroup") == 0) {
            return 0;
        }
        *slash = '\0';
    }
}

static uint64_t read_usage_us(const char *folder) {
    char path[PATH_MAX];
    unsigned long long usage_us = 0;
    snprintf(path, sizeof path, "%.*s/cpu.stat", PATH_MAX - 16, folder);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "usage_usec %llu", &usage_us) != 1) {
        usage_us = 0;
    }
    if (file) {
        fclose(file);
    }
    return usage_us;
}

double cpu_free_cores(struct cpu_sample *sample) {
    char folder[PATH_MAX];
    double free = free_of_machine(sample), quota = find_quota(folder, sizeof folder);
    if (quota <= 0) {
        return free;
    }
    uint64_t used_us = read_usage_us(folder), now_us = clock_now_ns() / 1000;
    double used = sample->taken_us && now_us > sample->taken_us && used_us >= sample->used_us
                      ? (double)(used_us - sample->used_us) / (double)(now_us - sample->taken_us)
                      : quota;
    sample->used_us = used_us;
    sample->taken_us = now_us;
    double left = quota > used ? quota - used : 0;
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
