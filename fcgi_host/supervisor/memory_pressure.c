#include "fcgi_host/supervisor/memory_pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/control_group.h"

enum { THRESHOLD_US = 150000 };

/** Some process has waited for 150 ms of two seconds: the window that needs no privilege. */
static const char s_threshold[] = "some 150000 2000000";

struct memory_pressure {
    struct memory_pressure_options options;
    struct loop_source source; /**< its descriptor has EPOLLPRI when the threshold is reached */
    uint64_t began_at_us;      /**< waited_us() when the source was opened */
    bool has_told;
};

/** @return how long some process has waited, since the machine or the group began; 0: not told */
static uint64_t waited_us(int fd) {
    char text[256];
    ssize_t bytes = pread(fd, text, sizeof text - 1, 0);
    text[bytes > 0 ? bytes : 0] = '\0';
    const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
    return total ? strtoull(total + strlen("total="), NULL, 10) : 0;
}

/** Set pressure->source.fd; -1 with errno: there is none */
static void open_trigger(struct memory_pressure *pressure, const char *path) {
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    pressure->began_at_us = fd >= 0 ? waited_us(fd) : 0;
    if (fd >= 0 && write(fd, s_threshold, sizeof s_threshold) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        fd = -1;
    }
    pressure->source.fd = fd;
}

static bool open_in_group(void *ctx, const char *folder, bool is_v2) {
    char path[PATH_MAX];
    if (is_v2 && snprintf(path, sizeof path, "%s/memory.pressure", folder) < (int)sizeof path) {
        open_trigger(ctx, path);
    }
    return true; /* those above have the pressure of others, too */
}

/** A kernel that has no reader of the figure but this one (Linux 6.5 on) counts from an old figure
 *  at first: what it tells first may be of the time before this program. */
static bool is_of_before(struct memory_pressure *pressure) {
    bool is_first = !pressure->has_told;
    pressure->has_told = true;
    return is_first && waited_us(pressure->source.fd) < pressure->began_at_us + THRESHOLD_US;
}

static void on_ready(void *ctx, uint32_t events) {
    struct memory_pressure *pressure = ctx;
    if (events & EPOLLERR) { /* the control group has gone */
        loop_remove(pressure->options.loop, &pressure->source);
    } else if ((events & EPOLLPRI) && !is_of_before(pressure)) {
        pressure->options.is_short(pressure->options.ctx);
    }
}

struct memory_pressure *memory_pressure_new(const struct memory_pressure_options *options,
                                            struct error *err) {
    struct memory_pressure *pressure = malloc(sizeof *pressure);
    if (!pressure) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *pressure = (struct memory_pressure){
        .options = *options,
        .source = {.fd = -1, .ready = on_ready, .ctx = pressure},
    };
    control_group_walk(options->mounts, options->own, NULL, open_in_group, pressure);
    if (pressure->source.fd < 0) {
        open_trigger(pressure, options->system);
    }
    if (pressure->source.fd < 0) {
        error_set_errno(err, errno, "%s", options->system);
        free(pressure);
        return NULL;
    }
    if (loop_add(options->loop, &pressure->source, EPOLLPRI, err)) {
        close(pressure->source.fd);
        free(pressure);
        return NULL;
    }
    return pressure;
}

void memory_pressure_free(struct memory_pressure *pressure) {
    if (pressure) {
        loop_remove(pressure->options.loop, &pressure->source);
        close(pressure->source.fd);
        free(pressure);
    }
}
