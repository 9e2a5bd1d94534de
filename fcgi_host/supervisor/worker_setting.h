/**
 * What a process group's configuration makes of its worker processes, before any code of an
 * application is read: resource limits, nice value, user and groups, umask, working directory,
 * environment.
 *
 * Order: what needs root first; then the user is changed for good; umask, folder and environment
 * follow, so that a folder which the user may not enter is an error.
 * Follows: credentials(7), prctl(2) PR_SET_NO_NEW_PRIVS.
 */
#ifndef FCGI_HOST_SUPERVISOR_WORKER_SETTING_H
#define FCGI_HOST_SUPERVISOR_WORKER_SETTING_H

#include "fcgi_host/config/config.h"
#include "pool/base/error.h"

/**
 * A change of the user clears PR_SET_PDEATHSIG: set it after this.
 *
 * @param config  the group's part (config/view.h)
 * @return 0, or -1: ERR_SYSTEM, ERR_MEMORY; the process is not fit to be a worker then
 * @thread the child's only one, after fork()  @tstate none
 */
int worker_setting_apply(const struct config *config, struct error *err);

#endif
