/**
 * Where lines of a log go: a file that is appended to, standard error or standard output.
 *
 * A process has one target for each name, however many logs go there, and inherits those of the
 * process that it was forked from.  So the supervisor opens the files, and workers, which may run
 * as users that cannot, write to them; after a rotation it opens them again and passes the
 * descriptors on.
 *
 * @owns   a target lasts as long as the process
 * @thread log_target_write(): any; a target may be opened again and pointed elsewhere meanwhile (a
 *         line goes to the old or the new file).  Everything else: one at a time
 * @tstate none: callers that hold the GIL detach first
 */
#ifndef FCGI_HOST_BASE_LOG_TARGET_H
#define FCGI_HOST_BASE_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/base/log_stream.h"
#include "pool/base/error.h"

#define LOG_TARGET_STDERR "stderr"
#define LOG_TARGET_STDOUT "stdout"

struct log_target;

/** `report` of every stream from now on. */
void log_target_set_report(log_stream_report *report);

/**
 * @param name  LOG_TARGET_STDERR, LOG_TARGET_STDOUT or a path (made if absent, mode 0640)
 * @return the target of this name, opened if it was not; NULL: ERR_SYSTEM, ERR_MEMORY
 */
struct log_target *log_target_open(const char *name, struct error *err);
/** @return the target of this name, if it is open */
struct log_target *log_target_find(const char *name);

/** @return the target after `target`, or the first; NULL: there is none */
struct log_target *log_target_next(const struct log_target *target);

/** Write one line, whole; what cannot be written (disk full, reader gone) is lost. */
void log_target_write(struct log_target *target, const char *line, size_t size);
/** Whether log_target_write() never waits for a disk: somebody must read the target. */
bool log_target_is_stream(const struct log_target *target);

const char *log_target_name(const struct log_target *target);
/** The descriptor; stays the same number for ever. */
int log_target_fd(const struct log_target *target);

/** Open the path again; not of a standard stream. Errors: ERR_SYSTEM; the old file stays */
int log_target_reopen(struct log_target *target, struct error *err);
/** Write to a file that another process has opened. @param fd  taken over, above 2
 *  Errors: as log_target_reopen() */
int log_target_use(struct log_target *target, int fd, struct error *err);

#endif
