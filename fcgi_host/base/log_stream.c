#include "fcgi_host/base/log_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/outlet.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    STALLED_MS = 1000,  /**< a reader that takes nothing for so long is not waited for at the end */
    FLUSH_MS = 5000,    /**< what a slow reader gets at the end */
    REPORT_BYTES = 512, /**< of the line that tells of dropped ones */
};

struct line {
    struct line *next;
    size_t size, sent;
    char bytes[];
};

struct log_stream {
    /* Held for system calls that do not block, never while waiting: except by fork(), by nobody
     * else for longer than a line takes. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /**< OUTLET_WAIT: a line waits, or one was written */
    struct outlet outlet;
    struct line *first; /**< lines that wait, oldest first */
    struct line **end;  /**< where the next one is put */
    size_t bytes;       /**< of these */
    uint64_t dropped;   /**< lines since the last report */
    uint64_t written;   /**< bytes ever: tells whether the reader reads */
    unsigned target;    /**< counts log_stream_use(): a writer of an earlier target ends */
    bool has_writer;    /**< a thread writes what waits */
    bool is_writing;    /**< OUTLET_WAIT: the writer has a line in hand */
    log_stream_report *report;
    struct log_stream *next; /**< of s_streams */
};

/** Of a thread that writes what waits. */
struct writer {
    struct log_stream *stream;
    unsigned target;
};

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* of the list; before a stream's */
static struct log_stream *s_streams;                       /* all, for fork() and at the end */

/* ---- Lines that wait ---- */

static void append(struct log_stream *stream, struct line *line) {
    *stream->end = line;
    stream->end = &line->next;
    stream->bytes += line->size;
}

static struct line *take_first(struct log_stream *stream) {
    struct line *line = stream->first;
    stream->first = line->next;
    if (!stream->first) {
        stream->end = &stream->first;
    }
    stream->bytes -= line->size;
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
static void keep(struct log_stream *stream, const char *bytes, size_t size, size_t sent) {
    /* The rest of a line belongs to it; and once a line was dropped, so are the next ones until the
     * reader has caught up: one gap is easier to read than many. */
    bool may_wait = sent > 0 || (stream->dropped == 0 && stream->bytes + size <= LOG_STREAM_BYTES);
    struct line *line = may_wait ? line_new(bytes, size) : NULL;
    if (!line) {
        stream->dropped++;
        return;
    }
    line->sent = sent;
    append(stream, line);
}

/** When nothing waits any more: the report of what was dropped waits next. */
static void keep_report(struct log_stream *stream) {
    char text[REPORT_BYTES];
    if (stream->first || stream->dropped == 0) {
        return;
    }
    struct line *line = line_new(text, stream->report(text, sizeof text, stream->dropped));
    if (line) {
        append(stream, line);
        stream->dropped = 0;
    }
}

/* ---- Writing ---- */

/** Write what the target takes at present. @return bytes; all of them, too, when the line is lost
 *  because nobody will ever read it */
static size_t put(struct log_stream *stream, const char *bytes, size_t size) {
    size_t sent = 0;
    while (sent < size) {
        ssize_t count = outlet_write(&stream->outlet, bytes + sent, size - sent);
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
        stream->written += (size_t)count;
    }
    return size;
}

/** Write waiting lines as far as the target takes them now. */
static void drain(struct log_stream *stream) {
    for (keep_report(stream); stream->first; keep_report(stream)) {
        struct line *line = stream->first;
        line->sent += put(stream, line->bytes + line->sent, line->size - line->sent);
        if (line->sent < line->size) {
            return;
        }
        free(take_first(stream));
    }
}

/** OUTLET_WAIT: write one line, however long it takes.  The lock is given up meanwhile. */
static void write_first(struct log_stream *stream, unsigned target) {
    struct line *line = take_first(stream);
    int fd = stream->outlet.fd;
    bool is_lost = false;
    stream->is_writing = true;
    pthread_mutex_unlock(&stream->lock);
    while (line->sent < line->size && !is_lost) {
        ssize_t count = write(fd, line->bytes + line->sent, line->size - line->sent);
        if (count > 0) {
            line->sent += (size_t)count;
        } else {
            is_lost = count == 0 || errno != EINTR;
        }
    }
    pthread_mutex_lock(&stream->lock);
    if (stream->target == target) {
        stream->written += line->sent;
        stream->is_writing = false;
        keep_report(stream);
        pthread_cond_broadcast(&stream->changed);
    }
    free(line);
}

/** Wait, without the lock, until the target takes more. */
static void wait_for_room(struct log_stream *stream, int timeout_ms) {
    struct pollfd target = {.fd = outlet_poll_fd(&stream->outlet), .events = POLLOUT};
    pthread_mutex_unlock(&stream->lock);
    poll(&target, 1, timeout_ms);
    pthread_mutex_lock(&stream->lock);
}

static void *run_writer(void *arg) {
    struct writer *writer = arg;
    struct log_stream *stream = writer->stream;
    unsigned target = writer->target;
    free(writer);
    pthread_mutex_lock(&stream->lock);
    while (stream->target == target && (stream->first || stream->outlet.method == OUTLET_WAIT)) {
        if (!stream->first) {
            pthread_cond_wait(&stream->changed, &stream->lock);
        } else if (stream->outlet.method == OUTLET_WAIT) {
            write_first(stream, target);
        } else {
            wait_for_room(stream, -1);
            if (stream->target == target) {
                drain(stream);
            }
        }
    }
    if (stream->target == target) {
        stream->has_writer = false;
    }
    pthread_mutex_unlock(&stream->lock);
    return NULL;
}

/** If it cannot be started, the next line tries again, and what waits is written with it. */
static void start_writer(struct log_stream *stream) {
    struct writer *writer = malloc(sizeof *writer);
    if (!writer) {
        return;
    }
    *writer = (struct writer){stream, stream->target};
    stream->has_writer = thread_start_deaf(run_writer, writer, "log", NULL) == 0;
    if (!stream->has_writer) {
        free(writer);
    }
}

/** Lines wait, or not: see to it that they are written. */
static void tend(struct log_stream *stream) {
    if (stream->first && !stream->has_writer) {
        start_writer(stream);
    }
    if (stream->outlet.method == OUTLET_WAIT) {
        pthread_cond_broadcast(&stream->changed);
    }
}

void log_stream_write(struct log_stream *stream, const char *line, size_t size) {
    pthread_mutex_lock(&stream->lock);
    size_t sent = 0;
    keep_report(stream);
    if (!stream->has_writer) {
        drain(stream);
    }
    if (!stream->first && stream->outlet.method != OUTLET_WAIT) {
        sent = put(stream, line, size);
    }
    if (sent < size) {
        keep(stream, line, size, sent);
    }
    tend(stream);
    pthread_mutex_unlock(&stream->lock);
}

static void flush(struct log_stream *stream, const struct timespec *end) {
    pthread_mutex_lock(&stream->lock);
    while (stream->first || stream->is_writing) {
        uint64_t before = stream->written;
        if (stream->outlet.method == OUTLET_WAIT && stream->has_writer) {
            struct timespec stalled = clock_deadline(STALLED_MS);
            pthread_cond_timedwait(&stream->changed, &stream->lock, &stalled);
        } else {
            wait_for_room(stream, STALLED_MS);
            drain(stream);
        }
        if (stream->written == before || clock_left_ns(end) == 0) {
            break;
        }
    }
    pthread_mutex_unlock(&stream->lock);
}

void log_stream_flush(void) {
    struct timespec end = clock_deadline(FLUSH_MS);
    pthread_mutex_lock(&s_lock);
    struct log_stream *stream = s_streams;
    pthread_mutex_unlock(&s_lock);
    for (; stream; stream = stream->next) { /* none is ever taken out */
        flush(stream, &end);
    }
}

/* ---- Another target, another process ---- */

static void before_fork(void) {
    pthread_mutex_lock(&s_lock);
    for (struct log_stream *stream = s_streams; stream; stream = stream->next) {
        pthread_mutex_lock(&stream->lock);
    }
}

static void after_fork(void) {
    for (struct log_stream *stream = s_streams; stream; stream = stream->next) {
        pthread_mutex_unlock(&stream->lock);
    }
    pthread_mutex_unlock(&s_lock);
}

static void after_fork_in_child(void) {
    for (struct log_stream *stream = s_streams; stream; stream = stream->next) {
        while (stream->first) {
            free(take_first(stream));
        }
        stream->dropped = 0;
        stream->has_writer = stream->is_writing = false;
        clock_cond_init(&stream->changed);
    }
    after_fork();
}

static void prepare(void) {
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

struct log_stream *log_stream_new(void) {
    struct log_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        return NULL;
    }
    pthread_once(&s_once, prepare);
    pthread_mutex_init(&stream->lock, NULL);
    clock_cond_init(&stream->changed);
    stream->outlet = OUTLET_NONE;
    stream->end = &stream->first;
    pthread_mutex_lock(&s_lock);
    stream->next = s_streams;
    s_streams = stream;
    pthread_mutex_unlock(&s_lock);
    return stream;
}

/** @return as log_stream_use()  @lock held */
static bool use_locked(struct log_stream *stream, int fd) {
    stream->target++;
    stream->has_writer = stream->is_writing = false;
    outlet_use(&stream->outlet, fd);
    pthread_cond_broadcast(&stream->changed); /* a writer of the target before */
    if (stream->outlet.method != OUTLET_WAIT) {
        drain(stream);
    }
    tend(stream);
    return stream->outlet.method != OUTLET_FILE;
}

bool log_stream_use(struct log_stream *stream, int fd, log_stream_report *report) {
    pthread_mutex_lock(&stream->lock);
    stream->report = report;
    bool is_stream = use_locked(stream, fd);
    pthread_mutex_unlock(&stream->lock);
    return is_stream;
}

int log_stream_replace(struct log_stream *stream, int opened, bool *ret_is_stream) {
    /* Locked: the writer would find the target gone, and its lines lost. */
    pthread_mutex_lock(&stream->lock);
    int rc = dup3(opened, stream->outlet.fd, O_CLOEXEC);
    int reason = errno;
    if (rc >= 0) {
        *ret_is_stream = use_locked(stream, stream->outlet.fd);
    }
    pthread_mutex_unlock(&stream->lock);
    errno = reason;
    return rc < 0 ? -1 : 0;
}
