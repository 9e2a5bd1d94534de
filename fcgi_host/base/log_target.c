#include "fcgi_host/base/log_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_FILE_MODE = 0640 };

struct log_target {
    struct log_target *next;
    char *name;
    int fd;
    _Atomic bool is_stream; /**< lines are written by `stream` */
    struct log_stream *stream;
};

static struct log_target *s_targets; /* all of this process */
static log_stream_report *s_report;

void log_target_set_report(log_stream_report *report) {
    s_report = report;
}

/* ---- Files ---- */

/** Without waiting for the reader of a FIFO. @return the descriptor, which blocks, or -1 */
static int open_waiting_for_nobody(const char *path) {
    enum { COMMON_FLAGS = O_CLOEXEC | O_NOCTTY | O_NONBLOCK };
    int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | COMMON_FLAGS, LOG_FILE_MODE);
    if (opened < 0 && errno == ENXIO) {
        opened = open(path, O_RDWR | COMMON_FLAGS); /* a FIFO that nobody reads yet: fifo(7) */
    }
    if (opened >= 0) {
        /* Programs that applications start may get it as their standard error. */
        fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) & ~O_NONBLOCK);
    }
    return opened;
}

/** @return a descriptor above the standard ones, or -1 */
static int open_file(const char *path, struct error *err) {
    int opened = open_waiting_for_nobody(path);
    if (opened < 0) {
        return error_set_errno(err, errno, "log %s", path);
    }
    if (opened > STDERR_FILENO) {
        return opened;
    }
    /* A standard descriptor was closed: leave its number to code that expects a standard stream
     * there. */
    int moved = fcntl(opened, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int reason = errno;
    close(opened);
    return moved < 0 ? error_set_errno(err, reason, "log %s", path) : moved;
}

/** @return the descriptor of a standard stream; -1: it is a path */
static int standard_fd(const char *name) {
    return strcmp(name, LOG_TARGET_STDERR) == 0   ? STDERR_FILENO
           : strcmp(name, LOG_TARGET_STDOUT) == 0 ? STDOUT_FILENO
                                                  : -1;
}

/* ---- Targets ---- */

struct log_target *log_target_find(const char *name) {
    struct log_target *target = s_targets;
    while (target && strcmp(target->name, name) != 0) {
        target = target->next;
    }
    return target;
}

/** @return a target that is open, or NULL */
static struct log_target *target_new(const char *name, struct error *err) {
    int fd = standard_fd(name);
    int opened = fd < 0 ? open_file(name, err) : -1;
    if (fd < 0 && opened < 0) {
        return NULL;
    }
    struct log_target *target = calloc(1, sizeof *target);
    char *copy = strdup(name);
    struct log_stream *stream = target && copy ? log_stream_new() : NULL;
    if (!stream) {
        free(copy);
        free(target);
        if (opened >= 0) {
            close(opened);
        }
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *target = (struct log_target){.name = copy, .stream = stream, .fd = opened >= 0 ? opened : fd};
    return target;
}

struct log_target *log_target_open(const char *name, struct error *err) {
    struct log_target *target = log_target_find(name);
    if (target) {
        return target;
    }
    target = target_new(name, err);
    if (!target) {
        return NULL;
    }
    target->is_stream = log_stream_use(target->stream, target->fd, s_report);
    target->next = s_targets;
    s_targets = target;
    return target;
}

int log_target_use(struct log_target *target, int fd, struct error *err) {
    /* Writers may be using this number right now, and faulthandler keeps it: it is never closed,
     * only pointed elsewhere. */
    bool is_stream;
    int rc = log_stream_replace(target->stream, fd, &is_stream);
    int reason = errno;
    close(fd);
    if (rc != 0) {
        return error_set_errno(err, reason, "log %s", target->name);
    }
    target->is_stream = is_stream;
    return 0;
}

int log_target_reopen(struct log_target *target, struct error *err) {
    if (standard_fd(target->name) >= 0) {
        return 0;
    }
    int opened = open_file(target->name, err);
    return opened < 0 ? -1 : log_target_use(target, opened, err);
}

struct log_target *log_target_next(const struct log_target *target) {
    return target ? target->next : s_targets;
}

bool log_target_is_stream(const struct log_target *target) {
    return target->is_stream;
}

const char *log_target_name(const struct log_target *target) {
    return target->name;
}

int log_target_fd(const struct log_target *target) {
    return target->fd;
}

void log_target_write(struct log_target *target, const char *line, size_t size) {
    if (target->is_stream) {
        log_stream_write(target->stream, line, size);
        return;
    }
    /* The rest of a line of which the kernel took a part still belongs to it. */
    while (size > 0) {
        ssize_t written = write(target->fd, line, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        line += written;
        size -= (size_t)written;
    }
}
