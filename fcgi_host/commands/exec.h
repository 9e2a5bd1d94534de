/**
 * `fcgi_host exec APP FILE`: runs a Python file in the interpreter that serves an application
 * (worker/exec.h).  What it prints comes as it is printed; closing the session ends it.
 *
 * @thread the process's only one  @tstate none; Python is not started
 */
#ifndef FCGI_HOST_COMMANDS_EXEC_H
#define FCGI_HOST_COMMANDS_EXEC_H

#include "fcgi_host/config/config.h"

/**
 * @param line    argv[0] is "exec"; then -s SOCKET, --worker PID, APP, FILE or "-", ARGUMENT…
 * @param config  names the control socket when -s does not; may be NULL
 * @return the process's exit status: 0 the file has run, 1 it raised or was cut off, 2 it was not
 *         run: wrong usage, no such application, no worker, no answer
 */
int exec_command(const struct command_line *line, const struct config *config);

#endif
