/**
 * Lines that a thread of their own writes, many at once: for a log with a line for each request,
 * whose threads must wait neither for a disk nor for each other.
 *
 * A line is written at once, unless others were just before it: waking the thread for each of many
 * would cost more than writing them.  Those wait for the end of LOG_BATCH_EVERY_MS, or until half
 * of LOG_BATCH_BYTES is filled.  When more than that waits, further ones are dropped and counted
 * ([log.dropped]).  A process that is killed loses what waits.  After fork() the child must not use
 * the parent's.
 *
 * @tstate any: log_batch_add() waits for nothing
 */
#ifndef FCGI_HOST_BASE_LOG_BATCH_H
#define FCGI_HOST_BASE_LOG_BATCH_H

#include <stddef.h>

#include "pool/base/error.h"

enum {
    LOG_BATCH_BYTES = 1 << 20,
    LOG_BATCH_EVERY_MS = 10, /**< a hundred writes a second */
};

struct log_batch;

/**
 * @param name   of the log, for messages; kept, not copied
 * @param write  writes whole lines; called on the thread alone
 * @return NULL: ERR_MEMORY, ERR_SYSTEM
 */
struct log_batch *log_batch_start(const char *name,
                                  void (*write)(void *ctx, const char *lines, size_t size),
                                  void *ctx, struct error *err);

/** @param line  with its newline  @thread any */
void log_batch_add(struct log_batch *batch, const char *line, size_t size);

/** Wait until all is written that was added before.  @thread any */
void log_batch_flush(struct log_batch *batch);

#endif
