/**
 * The same audit several times over: what it finds may depend on where things are in memory.
 *
 * @thread the process's only one (it forks)  @tstate none; Python must not have been started
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_REPEAT_H
#define FCGI_HOST_COMMANDS_AUDIT_REPEAT_H

#include "fcgi_host/commands/audit_run.h"

/**
 * Audit a target `runs` times.
 * @param[out] ret_result  of the run that found most; `target` is set, the rest is zero
 * @return 0, or -1: audit_run_target()
 */
int audit_repeat(struct audit_result *ret_result, const struct audit_order *order, unsigned runs,
                 struct error *err);

#endif
