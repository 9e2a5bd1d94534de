/**
 * `reload NAME…` over the control socket: every worker that serves is asked to reload; when one
 * says that its process cannot do it, or dies, all workers are replaced.  The client gets
 * {"outcome", "why", "total_ms"}: also when a worker does not answer in twice the time that it may
 * take to load its applications.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_RELOAD_COMMAND_H
#define FCGI_HOST_SUPERVISOR_RELOAD_COMMAND_H

#include "fcgi_host/supervisor/control.h"
#include "fcgi_host/supervisor/groups.h"

/** All commands that are not answered yet. */
struct reload_commands;

/** @param groups  the caller's, valid as long as the commands  @return NULL: ERR_MEMORY */
struct reload_commands *reload_commands_new(struct loop *loop, struct groups *groups,
                                            struct error *err);
/** Before the groups go. NULL is fine. */
void reload_commands_free(struct reload_commands *commands);

/** Run a command. @param words  "reload", then names of applications or scripts; none: all */
void reload_command_run(struct reload_commands *commands, struct control_client *client,
                        const struct string_list *words);
/** CHANNEL_RELOADED has come: a worker has reloaded what it was asked to, or cannot. */
void reload_command_answered(struct reload_commands *commands, const struct worker_process *process,
                             const struct channel_message *message);
/** A worker has ended: its answer will not come. */
void reload_command_process_gone(struct reload_commands *commands,
                                 const struct worker_process *process);
/** A fleet is about to be freed: its workers have ended. */
void reload_commands_forget(struct reload_commands *commands, const struct fleet *fleet);
/** A client has gone: its command goes on unanswered. */
void reload_command_client_gone(struct reload_commands *commands,
                                const struct control_client *client);

#endif
