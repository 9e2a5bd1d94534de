/**
 * `fcgi_host ping`, `ready`, `drain` and `stop`: for exec probes of containers, for load balancers'
 * checks, and for scripts that deploy.
 *
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_HEALTH_H
#define FCGI_HOST_COMMANDS_HEALTH_H

#include "fcgi_host/config/config.h"

/**
 * Run one of these commands; what went wrong is written to standard error.
 *
 * @param config  names the control socket when -s does not; may be NULL
 * @return the process's exit status: 0 it lives, is ready, is drained, has stopped; 1 it does not,
 *         is not (and why), or does not answer; 2 wrong usage
 */
int health_command(const struct command_line *line, const struct config *config);

#endif
