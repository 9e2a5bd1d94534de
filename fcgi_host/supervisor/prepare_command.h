/**
 * `prepare`, `commit` and `abort` over the control socket: the new code of applications loads in
 * workers that wait beside those that serve, until somebody says that they are to serve, or not.
 * So several hosts switch at the same time, or none does: what takes long, and may fail, is done
 * before.
 *
 * The client of `prepare` gets {"outcome", "why", "total_ms"} when they wait, or when they cannot;
 * that of `commit` when they serve.  What nobody commits is given up after ten minutes.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_PREPARE_COMMAND_H
#define FCGI_HOST_SUPERVISOR_PREPARE_COMMAND_H

#include "fcgi_host/supervisor/control.h"
#include "fcgi_host/supervisor/groups.h"

struct prepare_commands;

/** @param groups  the caller's, valid as long as the commands  @return NULL: ERR_MEMORY */
struct prepare_commands *prepare_commands_new(struct loop *loop, struct groups *groups,
                                              struct error *err);
/** Before the groups go. NULL is fine. */
void prepare_commands_free(struct prepare_commands *commands);

/** @param words  "prepare", "commit" or "abort", then names of applications; none: all
 *  @return whether it was one of these */
bool prepare_command_run(struct prepare_commands *commands, struct control_client *client,
                         const struct string_list *words);
/** A fleet is about to be freed. */
void prepare_commands_forget(struct prepare_commands *commands, const struct fleet *fleet);
/** A client has gone: what it has asked for goes on unanswered. */
void prepare_command_client_gone(struct prepare_commands *commands,
                                 const struct control_client *client);

#endif
