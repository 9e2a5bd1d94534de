/**
 * `fcgi_host serve APP`: the host behind a local web server, for development.  One command, one
 * URL: the web server gets a generated configuration in a temporary folder, the host is started
 * with `--dev`, a line for each request is written to the terminal (the host writes its own; those
 * of files, which the web server answers, come through serve_lines.h), Ctrl-C ends and cleans up.
 *
 * The listening socket between the two is made here and given to the host as descriptor 0, so
 * that neither has to wait for the other.
 *
 * @thread the process's only one   @tstate none; Python is not started in this process
 */
#ifndef FCGI_HOST_COMMANDS_SERVE_H
#define FCGI_HOST_COMMANDS_SERVE_H

#include "fcgi_host/config/config.h"

/**
 * @param config  whose applications are served beside those that are given; NULL: there is none
 * @param line  argv[0] is "serve"; then APP…, --live, --port N (8080),
 *              --server lighttpd|nginx|apache, --static URL=DIR
 * @return the process's exit status: 0 stopped as asked, 1 could not start or run, 2 wrong usage
 */
int serve_command(const struct command_line *line, const struct config *config);

#endif
