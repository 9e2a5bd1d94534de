/**
 * Log lines from a thread that is attached to an interpreter.
 *
 * @thread the threads of one interpreter  @tstate attached; detaches to write
 */
#ifndef FCGI_HOST_WSGI_LOG_H
#define FCGI_HOST_WSGI_LOG_H

#include "pool/python/py_compat.h"

#include "fcgi_host/base/log.h"
#include "fcgi_host/wsgi/state.h"

/** Detach and write a log line; see log_line(). */
void wsgi_log(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Log the exception that is set as "<what>: <traceback>", and clear it. */
void wsgi_log_exception(struct wsgi_state *state, enum log_level level, const char *slug,
                        const struct log_about *about, const char *what);

#endif
