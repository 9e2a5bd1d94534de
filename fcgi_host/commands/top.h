/**
 * `fcgi_host top`: what runs, live in a terminal; once, where the output is none.
 *
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_TOP_H
#define FCGI_HOST_COMMANDS_TOP_H

#include "fcgi_host/config/config.h"

/**
 * Show it until "q", Ctrl-C or the end of the host; what went wrong is written to standard error.
 *
 * @param config  names the control socket when -s does not; may be NULL
 * @return the process's exit status: 0 asked to end, 1 the host does not answer, 2 wrong usage
 */
int top_command(const struct command_line *line, const struct config *config);

#endif
