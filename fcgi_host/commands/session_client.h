/**
 * The command's side of a session with one worker (link/session.h).
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_SESSION_CLIENT_H
#define FCGI_HOST_COMMANDS_SESSION_CLIENT_H

#include "fcgi_host/config/config.h"
#include "fcgi_host/link/session.h"

struct session_wish {
    const char *socket; /**< of the host */
    const char *app;
    const char *worker; /**< its process id; NULL: any that serves the application */
};

/**
 * Begin a session for the command of `line`, and say on standard error with which worker.
 * @return the descriptor, the caller's; -1: it was said why, and the exit status is SESSION_NOT_RUN
 */
int session_open(const struct command_line *line, const struct session_wish *wish);

/** Pass on to standard output and standard error what comes, up to the end.
 *  @return the exit status */
int session_follow(const struct command_line *line, int fd);

/** Say on standard error what the last packet says. @return the exit status that it asks for */
int session_take_end(const struct command_line *line, const struct session_packet *packet);

/** Say on standard error that the other side failed. @return SESSION_FAILED */
int session_say_failed(const struct command_line *line, const struct error *err);

#endif
