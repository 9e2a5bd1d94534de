/**
 * `fcgi_host audit`: is each extension module that a target loads safe to recycle?
 *
 * Loads each target in throw-away processes (audit_process.h) and never starts Python itself.
 *
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_H
#define FCGI_HOST_COMMANDS_AUDIT_H

#include "fcgi_host/config/config.h"

/**
 * Run COMMAND_AUDIT; the report goes to standard output.
 *
 * @param line    argv[0] is the subcommand, then --json, --learn, --runs N, --timeout S,
 *                --request PATH, FILE, -m MODULE in any order
 * @param config  of --config, whose applications FILE may name; NULL: there is none
 * @return the process's exit status: 0 every extension is recyclable, 1 one is not, 2 wrong usage
 *         or a target that loads nowhere
 */
int audit_command(const struct command_line *line, const struct config *config);

#endif
