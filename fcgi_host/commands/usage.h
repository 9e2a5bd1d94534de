/**
 * What a command says of a command line that it cannot follow.
 *
 * @thread one at a time (getopt(3))  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_USAGE_H
#define FCGI_HOST_COMMANDS_USAGE_H

#include "fcgi_host/config/config.h"

/** A command's exit status. */
enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2 };

/**
 * Write to standard error what is wrong, and how the command is used (commands.def).
 * @param value  named after the message; NULL: nothing
 * @return EXIT_USAGE
 */
int usage_say(const struct command_line *line, const char *message, const char *value);

/** The same of an option that getopt_long() returned '?' or ':' for; the option string begins with
 *  ":" or "-:", so that the two are told apart. */
int usage_bad_option(const struct command_line *line, int returned);

/** Whether a control socket is known. @param socket  of -s or the configuration; NULL: none is
 *  @return 0, or EXIT_USAGE: it was said */
int usage_need_socket(const struct command_line *line, const char *socket);

#endif
