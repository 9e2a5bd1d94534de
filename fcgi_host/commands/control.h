/**
 * `fcgi_host status` and `fcgi_host reload`: the client side of the control socket
 * (control_protocol.h).
 *
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_CONTROL_H
#define FCGI_HOST_COMMANDS_CONTROL_H

#include "fcgi_host/config/config.h"

/**
 * Run COMMAND_STATUS, COMMAND_RELOAD, COMMAND_PREPARE, COMMAND_COMMIT or COMMAND_ABORT; what went
 * wrong is written to standard error.
 *
 * @param line    argv[0] is the subcommand, its own options follow (-s SOCKET, --json, NAME…)
 * @param config  names the control socket when -s does not; may be NULL
 * @return the process's exit status: 0 done, 1 no answer or not done (an application was kept on
 *         its old code), 2 wrong usage
 */
int control_command(const struct command_line *line, const struct config *config);

#endif
