/**
 * `fcgi_host profile APP SECONDS`: counts the Python stacks of the threads that serve an
 * application (worker/profile.h), and writes them collapsed or as a flame graph.
 *
 * @thread the process's only one  @tstate none; Python is not started
 */
#ifndef FCGI_HOST_COMMANDS_PROFILE_H
#define FCGI_HOST_COMMANDS_PROFILE_H

#include "fcgi_host/config/config.h"

/**
 * @param line    argv[0] is "profile"; then -s SOCKET, --worker PID, --format collapsed|svg,
 *                -o FILE, --rate HZ, --lines, APP, SECONDS in any order
 * @param config  names the control socket when -s does not; may be NULL
 * @return the process's exit status: 0 done, 1 the worker has ended before (what there is was
 *         written) or the file cannot be written, 2 nothing was sampled: wrong usage, no such
 *         application, no worker, no answer
 */
int profile_command(const struct command_line *line, const struct config *config);

#endif
