/**
 * From `struct error` to Python exceptions, from exceptions to the log.
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_RAISE_H
#define FCGI_HOST_WSGI_RAISE_H

#include "pool/python/py_compat.h"

#include "fcgi_host/base/log.h"
#include "fcgi_host/wsgi/state.h"
#include "pool/base/error.h"

/**
 * Raise what `err` says: ValueError for ERR_PROTOCOL, MemoryError, else OSError.
 * @return -1
 */
int wsgi_raise(const struct error *err);
/** Raise OSError, of the kind that fits, whatever the code. @return -1 */
int wsgi_raise_io(const struct error *err);

/**
 * Take the exception that is set: its traceback as Python prints it, without the frames of the
 * import system and of this host that lead to it.  See py_error_take().
 */
void wsgi_take_exception(struct wsgi_state *state, struct error *err);

/** Detach and write a log line; see log_line(). */
void wsgi_log(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Log the exception that is set as "<what>: <traceback>", and clear it. */
void wsgi_log_exception(struct wsgi_state *state, enum log_level level, const char *slug,
                        const struct log_about *about, const char *what);

#endif
