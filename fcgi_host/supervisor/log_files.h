/**
 * SIGUSR1: every process writes to the log's path as it is now, after a rotation.
 *
 * The supervisor opens it and gives it to its workers: they may run as users that cannot.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_LOG_FILES_H
#define FCGI_HOST_SUPERVISOR_LOG_FILES_H

#include "fcgi_host/supervisor/groups.h"

/** Where that fails the old file stays, and the log says so. */
void log_files_reopen(const struct groups *groups);

#endif
