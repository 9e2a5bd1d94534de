#include "fcgi_host/supervisor/memory_pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/control_group.h"

/** Some process has waited for 150 ms of two seconds: the window that needs no privilege. */
static const char s_threshold[] = "some 150000 2000000";

struct memory_pressure {
    struct memory_pressure_options options;
    struct loop_source source;
};

/** @return a descriptor that has EPOLLPRI when the threshold is reached, or -1 with errno */
static int open_trigger(const char *path) {
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, s_threshold, sizeof s_threshold) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

static bool open_in_group(void *ctx, const char *folder, bool is_v2) {
    char path[PATH_MAX];
    int *fd = ctx;
    if (is_v2 && snprintf(path, sizeof path, "%s/memory.pressure", folder) < (int)sizeof path) {
        *fd = open_trigger(path);
    }
    return true; /* those above have the pressure of others, too */
}

static void on_ready(void *ctx, uint32_t events) {
    struct memory_pressure *pressure = ctx;
    if (events & EPOLLERR) { /* the control group has gone */
        loop_remove(pressure->options.loop, &pressure->source);
    } else if (events & EPOLLPRI) {
        pressure->options.is_short(pressure->options.ctx);
    }
}

struct memory_pressure *memory_pressure_new(const struct memory_pressure_options *options,
                                            struct error *err) {
    struct memory_pressure *pressure = malloc(sizeof *pressure);
    int fd = -1;
    if (!pressure) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    control_group_walk(options->mounts, options->own, NULL, open_in_group, &fd);
    if (fd < 0) {
        fd = open_trigger(options->system);
    }
    if (fd < 0) {
        error_set_errno(err, errno, "%s", options->system);
        free(pressure);
        return NULL;
    }
    pressure->options = *options;
    pressure->source = (struct loop_source){.fd = fd, .ready = on_ready, .ctx = pressure};
    if (loop_add(options->loop, &pressure->source, EPOLLPRI, err)) {
        close(fd);
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
