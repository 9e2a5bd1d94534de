#include "fcgi_host/base/log_batch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

/** When so much waits, it is written. */
enum { WAKING_BYTES = LOG_BATCH_BYTES / 2 };

struct lines {
    char *bytes; /**< LOG_BATCH_BYTES */
    size_t size;
};

struct log_batch {
    const char *name;
    void (*write)(void *ctx, const char *lines, size_t size);
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t changed; /**< there are lines; or they are written */
    struct lines waiting, written;
    uint64_t dropped;  /**< lines since the last report */
    bool is_writing;   /**< `written` is in use */
    bool is_idle;      /**< the thread waits for lines */
    unsigned flushing; /**< threads in log_batch_flush() */
};

/** @lock held, let go meanwhile */
static void write_locked(struct log_batch *batch) {
    struct lines lines = batch->waiting;
    uint64_t dropped = batch->dropped;
    batch->waiting = (struct lines){batch->written.bytes, 0};
    batch->written = lines;
    batch->dropped = 0;
    batch->is_writing = true;
    pthread_mutex_unlock(&batch->lock);
    batch->write(batch->ctx, lines.bytes, lines.size);
    if (dropped > 0) {
        log_line(LOG_WARN, "log.dropped", NULL, "%llu lines of %s: it could not be written in time",
                 (unsigned long long)dropped, batch->name);
    }
    pthread_mutex_lock(&batch->lock);
    batch->is_writing = false;
    if (batch->flushing > 0) {
        pthread_cond_broadcast(&batch->changed);
    }
}

/** Where lines were written just now, more are about to come. @lock held, let go meanwhile */
static void await_more(struct log_batch *batch, uint64_t written_ns) {
    struct timespec until = clock_timespec(written_ns + LOG_BATCH_EVERY_MS * CLOCK_NS_PER_MS);
    int result = 0;
    while (result == 0 && batch->flushing == 0 && batch->waiting.size < WAKING_BYTES) {
        result = pthread_cond_timedwait(&batch->changed, &batch->lock, &until);
    }
}

static void *run(void *arg) {
    struct log_batch *batch = arg;
    uint64_t written_ns = 0;
    pthread_mutex_lock(&batch->lock);
    for (;;) {
        while (batch->waiting.size == 0) {
            batch->is_idle = true;
            pthread_cond_wait(&batch->changed, &batch->lock);
        }
        batch->is_idle = false;
        await_more(batch, written_ns);
        write_locked(batch);
        written_ns = clock_now_ns();
    }
    return NULL;
}

struct log_batch *log_batch_start(const char *name,
                                  void (*write)(void *ctx, const char *lines, size_t size),
                                  void *ctx, struct error *err) {
    struct log_batch *batch = calloc(1, sizeof *batch);
    char *bytes = malloc(2 * (size_t)LOG_BATCH_BYTES);
    if (!batch || !bytes) {
        free(batch);
        free(bytes);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *batch = (struct log_batch){
        .name = name,
        .write = write,
        .ctx = ctx,
        .waiting = {bytes, 0},
        .written = {bytes + LOG_BATCH_BYTES, 0},
    };
    int result = clock_lock_init(&batch->lock, &batch->changed);
    if (result) {
        error_set_errno(err, result, "a condition variable");
    }
    if (result || thread_start_deaf(run, batch, name, err) != 0) {
        free(batch);
        free(bytes);
        return NULL;
    }
    return batch;
}

void log_batch_add(struct log_batch *batch, const char *line, size_t size) {
    pthread_mutex_lock(&batch->lock);
    struct lines *lines = &batch->waiting;
    size_t before = lines->size;
    if (size > LOG_BATCH_BYTES - lines->size) {
        batch->dropped++;
    } else {
        memcpy(lines->bytes + lines->size, line, size);
        lines->size += size;
    }
    /* Each once. */
    bool must_wake = batch->is_idle || (before < WAKING_BYTES && lines->size >= WAKING_BYTES);
    batch->is_idle = false;
    pthread_mutex_unlock(&batch->lock);
    if (must_wake) {
        pthread_cond_broadcast(&batch->changed);
    }
}

void log_batch_flush(struct log_batch *batch) {
    pthread_mutex_lock(&batch->lock);
    batch->flushing++;
    pthread_cond_broadcast(&batch->changed);
    while (batch->waiting.size > 0 || batch->is_writing) {
        pthread_cond_wait(&batch->changed, &batch->lock);
    }
    batch->flushing--;
    pthread_mutex_unlock(&batch->lock);
}
