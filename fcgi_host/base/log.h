/**
 * The log: one line, one write(2); never made with the GIL held; untrusted bytes are escaped.
 *
 * A line: `2026-11-24T13:53:01.123Z info 4711 app=blog gen=3 req=… [reload.switched] text`, or the
 * same as a JSON object (time level pid app generation request_id event message).
 * The slug in brackets is stable; every slug has an entry in docs/messages.md.
 *
 * Logging never blocks: where somebody must read the target (a pipe, a socket, a terminal), lines
 * wait for the reader in memory, or are dropped and counted; log_stream_flush() ends a process.
 *
 * @thread log_line(), log_enabled(), log_fd(): any, at any time; the others before there are other
 *         threads that log (base/log_target.h says what may happen meanwhile)
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

enum log_format { LOG_TEXT, LOG_JSON };

/** Lines go to `name` (log_target_open()).  Errors: as there; the old target stays */
int log_open(const char *name, enum log_level least, struct error *err);
/** Of all lines, and of those of the access log. */
void log_set_format(enum log_format format);
enum log_format log_format(void);
/** Lines about an application go to a target of its own, and have a least level of their own.
 *  @param name  NULL: the target of log_open()  Errors: as log_open(), ERR_MEMORY */
int log_route(const char *app, const char *name, enum log_level least, struct error *err);
/** Lines about applications go where all others go. */
void log_routes_clear(void);
/** @return -1 for an unknown name (debug info warn error off) */
int log_level_from_name(const char *name, enum log_level *ret_level);
const char *log_level_name(enum log_level level);
/** Whether lines of this level may be written somewhere. */
bool log_enabled(enum log_level level);
/** The descriptor of log_open()'s target, for faulthandler; stays the same over a rotation. */
int log_fd(void);

/** Write one line.  Control characters in the text are escaped; newlines become "\n    " so that a
 *  traceback stays one write and each of its further lines is indented by four spaces. */
void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
