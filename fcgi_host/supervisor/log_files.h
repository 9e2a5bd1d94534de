/**
 * The targets of the logs (base/log_target.h): opened at the start and with another configuration,
 * and again on SIGUSR1, when every process writes to the paths as they are then.
 *
 * The supervisor opens them and gives them to its workers: they may run as users that cannot.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_LOG_FILES_H
#define FCGI_HOST_SUPERVISOR_LOG_FILES_H

#include "fcgi_host/supervisor/groups.h"

/**
 * Open what a configuration names, and let lines go there.
 * @return 0, or -1: ERR_SYSTEM, ERR_MEMORY; lines may go to some of them then
 */
int log_files_open(const struct config *config, struct error *err);

/** Where that fails the old file stays, and the log says so. */
void log_files_reopen(const struct groups *groups);

#endif
