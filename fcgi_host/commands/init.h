/**
 * `fcgi_host init`: a configuration for an application that is there, and what a web server needs.
 *
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_INIT_H
#define FCGI_HOST_COMMANDS_INIT_H

#include "fcgi_host/config/config.h"

/**
 * Write fcgi_host.conf and the web server's snippet into the folder, and say what to do next.
 *
 * @param config  the web server's snippet for this one alone; NULL: a new one
 * @return the process's exit status: 0 written, 1 not (nothing is overwritten), 2 wrong usage
 */
int init_command(const struct command_line *line, const struct config *config);

#endif
