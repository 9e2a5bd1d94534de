/**
 * What the supervisor consists of: supervisor.c, supervisor_messages.c, supervisor_commands.c and
 * supervisor_agent.c.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SUPERVISOR_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_SUPERVISOR_INTERNAL_H

#include <stdbool.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/agent.h"
#include "fcgi_host/supervisor/control.h"
#include "fcgi_host/supervisor/drain.h"
#include "fcgi_host/supervisor/groups.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/prepare_command.h"
#include "fcgi_host/supervisor/reload_command.h"
#include "fcgi_host/supervisor/retry_watch.h"
#include "fcgi_host/supervisor/status_round.h"
#include "fcgi_host/supervisor/stop_signal.h"
#include "fcgi_host/supervisor/supervisor.h"
#include "fcgi_host/supervisor/tasks.h"

struct supervisor {
    const struct supervisor_options *options;
    struct loop *loop;
    struct listener *listener;
    struct groups *groups;
    struct status_round *round;
    struct control *control;
    struct agent *agent; /* NULL: none */
    struct reload_commands *reload_commands;
    struct prepare_commands *prepare_commands;
    struct retry_watch *retry_watch;
    struct tasks *tasks;
    struct loop_source signals;
    struct loop_timer watchdog;
    struct stop_signal stop;
    struct drain drain;
    bool is_spawned; /* the listening socket was inherited */
    int exit_status;
};

/** Finish the requests in hand, and stop; nothing if that is under way. @param cause  for the log
 */
void supervisor_stop(struct supervisor *supervisor, const char *cause);

/* ---- supervisor_messages.c ---- */

/** The groups' hook `message`. @param ctx  the supervisor */
void supervisor_on_message(void *ctx, struct worker_process *process,
                           const struct channel_message *message);

/* ---- supervisor_commands.c ---- */

/** Take commands at the control socket of a configuration, in place of the one before. */
void supervisor_open_control(struct supervisor *supervisor, const struct config *config);

/* ---- supervisor_agent.c ---- */

/** Answer load balancers at the `agent_listen` of a configuration, in place of the one before. */
void supervisor_open_agent(struct supervisor *supervisor, const struct config *config);

#endif
