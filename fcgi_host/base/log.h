/**
 * The log: one line, one write(2); never made with the GIL held; untrusted bytes are escaped.
 *
 * A line: `2026-11-24T13:53:01.123Z info 4711 app=blog gen=3 req=… [reload.switched] text`.
 * The slug in brackets is stable; every slug has an entry in docs/messages.md.
 *
 * Logging never blocks: where somebody must read the target (a pipe, a socket, a terminal), lines
 * wait for the reader in memory, or are dropped and counted; log_stream_flush() ends a process.
 *
 * @thread any, at any time; log_reopen() and log_use() may race with writers (they use the old or
 *         the new file)
 * @tstate none: callers that hold the GIL detach first
 */
#ifndef FCGI_HOST_BASE_LOG_H
#define FCGI_HOST_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/** What a line is about; any field may be NULL or 0 and is then left out. */
struct log_about {
    const char *app;
    uint64_t generation;
    const char *request_id;
};

/** `target`: "stderr" or a path (appended to, made if absent, mode 0640). Errors: ERR_SYSTEM */
int log_open(const char *target, enum log_level least, struct error *err);
/** Open the path again (SIGUSR1, after rotation). On error the old file stays. */
int log_reopen(struct error *err);
/** Open a log file for another process. @return a descriptor, the caller's, or -1: ERR_SYSTEM */
int log_open_file(const char *path, struct error *err);
/** Make lines go to a file that another process has opened, which may do what this one may not.
 *  @param fd  taken over, above 2. Errors: ERR_SYSTEM; the old file stays */
int log_use(int fd, struct error *err);
/** @return -1 for an unknown name (debug info warn error off) */
int log_level_from_name(const char *name, enum log_level *ret_level);
const char *log_level_name(enum log_level level);
bool log_enabled(enum log_level level);
/** The descriptor that lines go to, for faulthandler; stays the same number over a reopen. */
int log_fd(void);

/** Write one line.  Control characters in the text are escaped; newlines become "\n    " so that a
 *  traceback stays one write and each of its further lines is indented by four spaces. */
void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
