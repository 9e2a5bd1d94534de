#include "fcgi_host/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/base/log_text.h"

static const char *const s_level_names[] = {"debug", "info", "warn", "error", "off"};

static _Atomic int s_fd = STDERR_FILENO;
static _Atomic int s_least = LOG_INFO;
static _Atomic bool s_is_stream; /* lines are written by log_stream.h */
/* Only touched by log_open(), log_use() and log_reopen(), which one thread at a time calls. */
static char *s_path; /* NULL: standard error */

enum {
    LOG_FILE_MODE = 0640,
    /** Most lines fit on the stack; a longer one (a traceback) is put on the heap. */
    STACK_TEXT_BYTES = 1024,
    STACK_LINE_BYTES = 2 * STACK_TEXT_BYTES,
    PREFIX_BYTES = 512, /**< without the application's name */
};

int log_level_from_name(const char *name, enum log_level *ret_level) {
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        if (strcmp(name, s_level_names[level]) == 0) {
            *ret_level = (enum log_level)level;
            return 0;
        }
    }
    return -1;
}

const char *log_level_name(enum log_level level) {
    return s_level_names[level];
}

bool log_enabled(enum log_level level) {
    return (int)level >= s_least && level != LOG_OFF;
}

int log_fd(void) {
    return s_fd;
}

/** Room for everything before the text. */
static size_t prefix_bytes(const struct log_about *about) {
    bool has_app = about && about->app;
    return PREFIX_BYTES + (has_app ? log_text_escaped_bytes(about->app, strlen(about->app)) : 0);
}

/** Write " app=NAME". @return its length */
static size_t format_app(char *to, size_t size, const struct log_about *about) {
    if (!about || !about->app || size <= sizeof " app=") {
        return 0;
    }
    memcpy(to, " app=", sizeof " app=" - 1);
    return sizeof " app=" - 1 +
           log_text_escape_word(to + sizeof " app=" - 1, size - sizeof " app=", about->app,
                                strlen(about->app));
}

/** Everything before the text. @return its length */
static size_t log_line_start(char *prefix, size_t size, enum log_level level, const char *slug,
                             const struct log_about *about) {
    struct timespec now;
    char time_text[LOG_TEXT_TIME_BYTES];
    clock_gettime(CLOCK_REALTIME, &now);
    log_text_time(time_text, now.tv_sec);

    char generation[40] = "", request[64] = "";
    if (about && about->generation) {
        snprintf(generation, sizeof generation, " gen=%llu", (unsigned long long)about->generation);
    }
    if (about && about->request_id) {
        snprintf(request, sizeof request, " req=%.40s", about->request_id);
    }
    size_t used = (size_t)snprintf(prefix, size, "%s.%03ldZ %s %ld", time_text,
                                   now.tv_nsec / 1000000, s_level_names[level], (long)getpid());
    used += format_app(prefix + used, size - used, about);
    int length = snprintf(prefix + used, size - used, "%s%s [%s] ", generation, request, slug);
    return length < 0 ? used : used + (size_t)length < size ? used + (size_t)length : size - 1;
}

/** The line that stands for lines which nobody read in time; whatever the least level is. */
static size_t report_dropped(char *line, size_t size, uint64_t dropped) {
    size_t used = log_line_start(line, size, LOG_WARN, "log.dropped", NULL);
    int length = snprintf(line + used, size - used, "%llu lines: nobody read them in time\n",
                          (unsigned long long)dropped);
    return used + (size_t)length;
}

/** Make lines go to `opened` (which is consumed unless it is standard error). */
static int point_to(int opened, struct error *err) {
    int current = s_fd;
    if (current == STDERR_FILENO) {
        s_fd = opened;
        return 0;
    }
    /* Writers may be using this number right now, and faulthandler keeps it: it is never closed,
     * only pointed elsewhere. */
    int rc = dup3(opened, current, O_CLOEXEC);
    int reason = errno;
    if (opened != STDERR_FILENO) {
        close(opened);
    }
    return rc < 0 ? error_set_errno(err, reason, "log") : 0;
}

static int switch_to(int opened, struct error *err) {
    if (point_to(opened, err) != 0) {
        return -1;
    }
    s_is_stream = log_stream_use(s_fd, report_dropped);
    return 0;
}

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

int log_open_file(const char *path, struct error *err) {
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

static int open_path(const char *path, struct error *err) {
    int opened = log_open_file(path, err);
    return opened < 0 ? -1 : switch_to(opened, err);
}

int log_use(int fd, struct error *err) {
    return switch_to(fd, err);
}

int log_open(const char *target, enum log_level least, struct error *err) {
    char *path = NULL;
    if (strcmp(target, "stderr") != 0) {
        path = strdup(target);
        if (!path) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    int rc = path ? open_path(path, err) : switch_to(STDERR_FILENO, err);
    if (rc != 0) {
        free(path);
        return -1;
    }
    free(s_path);
    s_path = path;
    s_least = least;
    return 0;
}

int log_reopen(struct error *err) {
    return s_path ? open_path(s_path, err) : 0;
}

static void write_line(const char *line, size_t size) {
    if (s_is_stream) {
        log_stream_write(line, size);
        return;
    }
    /* A log that cannot be written (disk full, reader gone) must not stop the host: the line is
     * lost.  The rest of a line of which the kernel took a part still belongs to it. */
    while (size > 0) {
        ssize_t written = write(s_fd, line, size);
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

static void write_text(enum log_level level, const char *slug, const struct log_about *about,
                       const char *text, size_t text_size) {
    char on_stack[STACK_LINE_BYTES];
    size_t prefix = prefix_bytes(about),
           size = prefix + log_text_escaped_bytes(text, text_size) + 1;
    char *on_heap = size > sizeof on_stack ? malloc(size) : NULL;
    char *line = on_heap ? on_heap : on_stack;
    if (!on_heap) {
        size = sizeof on_stack; /* out of memory: the line is cut */
        prefix = prefix < size ? prefix : size - 1;
    }
    size_t used = log_line_start(line, prefix, level, slug, about);
    used += log_text_escape(line + used, size - used - 1, text, text_size);
    line[used++] = '\n';
    write_line(line, used);
    free(on_heap);
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    char on_stack[STACK_TEXT_BYTES];
    char *on_heap = NULL;
    va_list args;
    locale_t before = c_locale_enter();
    va_start(args, format);
    int length = vsnprintf(on_stack, sizeof on_stack, format, args);
    va_end(args);
    if (length >= (int)sizeof on_stack) {
        va_start(args, format);
        if (vasprintf(&on_heap, format, args) < 0) {
            on_heap = NULL;
            length = sizeof on_stack - 1;
        }
        va_end(args);
    }
    c_locale_leave(before);
    if (length >= 0) {
        write_text(level, slug, about, on_heap ? on_heap : on_stack, (size_t)length);
    }
    free(on_heap);
    errno = saved_errno;
}
