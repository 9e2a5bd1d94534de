#include "fcgi_host/base/log_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    STALLED_MS = 1000,  /**< a reader that takes nothing for so long is not waited for at the end */
    FLUSH_MS = 5000,    /**< what a slow reader gets at the end */
    REPORT_BYTES = 512, /**< of the line that tells of dropped ones */
};

/** How the target is kept from blocking. */
enum method {
    METHOD_FILE, /**< it does not block */
    METHOD_SEND, /**< a socket: MSG_DONTWAIT */
    METHOD_OWN,  /**< an open file description of our own: O_NONBLOCK */
    METHOD_WAIT, /**< it does block: only the writer thread writes */
};

struct line {
    struct line *next;
    size_t size, sent;
    char bytes[];
};

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
/* Held for system calls that do not block, never while waiting: except by fork(), by nobody else
 * for longer than a line takes. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed; /* METHOD_WAIT: a line waits, or one was written */
static struct {
    enum method method;
    int fd, own_fd;     /* own_fd: never closed, only pointed elsewhere; -1: none yet */
    struct line *first; /* lines that wait, oldest first */
    struct line **end;  /* where the next one is put */
    size_t bytes;       /* of these */
    uint64_t dropped;   /* lines since the last report */
    uint64_t written;   /* bytes ever: tells whether the reader reads */
    unsigned target;    /* counts log_stream_use(): a writer of an earlier target ends */
    bool has_writer;    /* a thread writes what waits */
    bool is_writing;    /* METHOD_WAIT: the writer has a line in hand */
    log_stream_report *report;
} s = {.own_fd = -1, .end = &s.first};

/* ---- Lines that wait ---- */

static void append(struct line *line) {
    *s.end = line;
    s.end = &line->next;
    s.bytes += line->size;
}

static struct line *take_first(void) {
    struct line *line = s.first;
    s.first = line->next;
    if (!s.first) {
        s.end = &s.first;
    }
    s.bytes -= line->size;
    return line;
}

static struct line *line_new(const char *bytes, size_t size) {
    struct line *line = malloc(sizeof *line + size);
    if (line) {
        *line = (struct line){.size = size};
        memcpy(line->bytes, bytes, size);
    }
    return line;
}

/** Keep a line of which `sent` bytes have been written. */
static void keep(const char *bytes, size_t size, size_t sent) {
    /* The rest of a line belongs to it; and once a line was dropped, so are the next ones until the
     * reader has caught up: one gap is easier to read than many. */
    bool may_wait = sent > 0 || (s.dropped == 0 && s.bytes + size <= LOG_STREAM_BYTES);
    struct line *line = may_wait ? line_new(bytes, size) : NULL;
    if (!line) {
        s.dropped++;
        return;
    }
    line->sent = sent;
    append(line);
}

/** When nothing waits any more: the report of what was dropped waits next. */
static void keep_report(void) {
    char text[REPORT_BYTES];
    if (s.first || s.dropped == 0) {
        return;
    }
    struct line *line = line_new(text, s.report(text, sizeof text, s.dropped));
    if (line) {
        append(line);
        s.dropped = 0;
    }
}

/* ---- Writing ---- */

static ssize_t put_now(const char *bytes, size_t size) {
    struct pollfd target = {.fd = s.fd, .events = POLLOUT};
    switch (s.method) {
    case METHOD_SEND:
        return send(s.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case METHOD_OWN:
        return write(s.own_fd, bytes, size);
    case METHOD_WAIT: /* no thread could be started: this is as near as one gets without */
        if (poll(&target, 1, 0) != 1) {
            errno = EAGAIN;
            return -1;
        }
        return write(s.fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
    case METHOD_FILE:
        break;
    }
    return write(s.fd, bytes, size);
}

/** Write what the target takes at present. @return bytes; all of them, too, when the line is lost
 *  because nobody will ever read it */
static size_t put(const char *bytes, size_t size) {
    size_t sent = 0;
    while (sent < size) {
        ssize_t count = put_now(bytes + sent, size - sent);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return sent;
        }
        if (count <= 0) {
            return size;
        }
        sent += (size_t)count;
        s.written += (size_t)count;
    }
    return size;
}

/** Write waiting lines as far as the target takes them now. */
static void drain(void) {
    for (keep_report(); s.first; keep_report()) {
        struct line *line = s.first;
        line->sent += put(line->bytes + line->sent, line->size - line->sent);
        if (line->sent < line->size) {
            return;
        }
        free(take_first());
    }
}

/** METHOD_WAIT: write one line, however long it takes.  The lock is given up meanwhile. */
static void write_first(unsigned target) {
    struct line *line = take_first();
    int fd = s.fd;
    bool is_lost = false;
    s.is_writing = true;
    pthread_mutex_unlock(&s_lock);
    while (line->sent < line->size && !is_lost) {
        ssize_t count = write(fd, line->bytes + line->sent, line->size - line->sent);
        if (count > 0) {
            line->sent += (size_t)count;
        } else {
            is_lost = count == 0 || errno != EINTR;
        }
    }
    pthread_mutex_lock(&s_lock);
    if (s.target == target) {
        s.written += line->sent;
        s.is_writing = false;
        keep_report();
        pthread_cond_broadcast(&s_changed);
    }
    free(line);
}

/** Wait, without the lock, until the target takes more. */
static void wait_for_room(int timeout_ms) {
    struct pollfd target = {.fd = s.method == METHOD_OWN ? s.own_fd : s.fd, .events = POLLOUT};
    pthread_mutex_unlock(&s_lock);
    poll(&target, 1, timeout_ms);
    pthread_mutex_lock(&s_lock);
}

static void *run_writer(void *arg) {
    unsigned target = (unsigned)(uintptr_t)arg;
    pthread_mutex_lock(&s_lock);
    while (s.target == target && (s.first || s.method == METHOD_WAIT)) {
        if (!s.first) {
            pthread_cond_wait(&s_changed, &s_lock);
        } else if (s.method == METHOD_WAIT) {
            write_first(target);
        } else {
            wait_for_room(-1);
            if (s.target == target) {
                drain();
            }
        }
    }
    if (s.target == target) {
        s.has_writer = false;
    }
    pthread_mutex_unlock(&s_lock);
    return NULL;
}

/** If it cannot be started, the next line tries again, and what waits is written with it. */
static void start_writer(void) {
    sigset_t all, before;
    sigfillset(&all); /* signals are for the threads that expect them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s.has_writer = thread_start(run_writer, (void *)(uintptr_t)s.target, "log", NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/** Lines wait, or not: see to it that they are written. */
static void tend(void) {
    if (s.first && !s.has_writer) {
        start_writer();
    }
    if (s.method == METHOD_WAIT) {
        pthread_cond_broadcast(&s_changed);
    }
}

void log_stream_write(const char *line, size_t size) {
    pthread_mutex_lock(&s_lock);
    size_t sent = 0;
    keep_report();
    if (!s.has_writer) {
        drain();
    }
    if (!s.first && s.method != METHOD_WAIT) {
        sent = put(line, size);
    }
    if (sent < size) {
        keep(line, size, sent);
    }
    tend();
    pthread_mutex_unlock(&s_lock);
}

void log_stream_flush(void) {
    pthread_mutex_lock(&s_lock);
    struct timespec end = clock_deadline(FLUSH_MS);
    while (s.first || s.is_writing) {
        uint64_t before = s.written;
        if (s.method == METHOD_WAIT && s.has_writer) {
            struct timespec stalled = clock_deadline(STALLED_MS);
            pthread_cond_timedwait(&s_changed, &s_lock, &stalled);
        } else {
            wait_for_room(STALLED_MS);
            drain();
        }
        if (s.written == before || clock_left_ns(&end) == 0) {
            break;
        }
    }
    pthread_mutex_unlock(&s_lock);
}

/* ---- Another target, another process ---- */

static void before_fork(void) {
    pthread_mutex_lock(&s_lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&s_lock);
}

static void after_fork_in_child(void) {
    while (s.first) {
        free(take_first());
    }
    s.dropped = 0;
    s.has_writer = s.is_writing = false;
    clock_cond_init(&s_changed);
    pthread_mutex_unlock(&s_lock);
}

static void prepare(void) {
    clock_cond_init(&s_changed);
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/** @return whether `own_fd` is now a non-blocking description of what `fd` refers to */
static bool open_own(int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int opened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened < 0) {
        return false;
    }
    if (s.own_fd < 0) {
        /* The numbers of standard streams are left to code that expects these there. */
        s.own_fd = fcntl(opened, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        /* The writer may be waiting at this number. */
        dup3(opened, s.own_fd, O_CLOEXEC);
    }
    close(opened);
    return s.own_fd >= 0;
}

static enum method choose_method(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return METHOD_FILE;
    }
    if (S_ISSOCK(status.st_mode)) {
        return METHOD_SEND;
    }
    bool must_be_read = S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd));
    return !must_be_read ? METHOD_FILE : open_own(fd) ? METHOD_OWN : METHOD_WAIT;
}

bool log_stream_use(int fd, log_stream_report *report) {
    pthread_once(&s_once, prepare);
    pthread_mutex_lock(&s_lock);
    s.target++;
    s.has_writer = s.is_writing = false;
    s.fd = fd;
    s.report = report;
    s.method = choose_method(fd);
    pthread_cond_broadcast(&s_changed); /* a writer of the target before */
    if (s.method != METHOD_WAIT) {
        drain();
    }
    tend();
    bool is_stream = s.method != METHOD_FILE;
    pthread_mutex_unlock(&s_lock);
    return is_stream;
}
