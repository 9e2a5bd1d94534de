/**
 * Running the throw-away processes of an audit: fork, read their lines, end them after a time
 * limit, note how they ended.
 *
 * @thread the process's only one (it forks)  @tstate none; Python must not have been started
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_PROCESS_H
#define FCGI_HOST_COMMANDS_AUDIT_PROCESS_H

#include "fcgi_host/commands/audit_child.h"
#include "fcgi_host/commands/audit_result.h"

/** A target that loads for longer hangs, unless --timeout says otherwise: imports take a second or
 *  two. */
enum { AUDIT_TIMEOUT_S = 30 };

/** Load the target in one way, in a new process. Errors: ERR_SYSTEM, ERR_MEMORY, ERR_PROTOCOL */
int audit_process_run(struct audit_result *result, const struct audit_target *target,
                      enum audit_way way, unsigned timeout_s, struct error *err);

#endif
