/**
 * `exec APP` and `profile APP` over the control socket: one worker that serves the application gets
 * the descriptor that came along, and the client is told which one: {"outcome": "passed",
 * "worker": PID}, or {"outcome": "unknown" | "kept", "why"}.  What follows is between the two.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SESSION_COMMAND_H
#define FCGI_HOST_SUPERVISOR_SESSION_COMMAND_H

#include "fcgi_host/supervisor/control.h"
#include "fcgi_host/supervisor/groups.h"

/** Run such a command, and answer its client. @return whether `words` are one */
bool session_command_run(const struct groups *groups, struct control_client *client,
                         const struct string_list *words);

#endif
