/**
 * What supervisor.c (signals, start, stop) and reload_command.c share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SUPERVISOR_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_SUPERVISOR_INTERNAL_H

#include <signal.h>

#include "fcgi_host/supervisor/control.h"
#include "fcgi_host/supervisor/fleet.h"
#include "fcgi_host/supervisor/listener.h"
#include "fcgi_host/supervisor/retry_watch.h"
#include "fcgi_host/supervisor/status_round.h"
#include "fcgi_host/supervisor/stop_signal.h"
#include "fcgi_host/supervisor/supervisor.h"

struct supervisor {
    const struct supervisor_options *options;
    struct loop *loop;
    struct listener *listener;
    struct fleet *fleet;
    struct status_round *round;
    struct control *control;
    struct retry_watch *retry_watch;
    struct loop_source signals;
    struct loop_timer watchdog;
    struct stop_signal stop;
    sigset_t mask_before;
    bool is_spawned; /**< the listening socket was inherited */
    int exit_status;
    struct reload *reloads; /**< asked for over the control socket, not answered yet */
    uint64_t reload_number;
};

/** SIGHUP: read the configuration again, then replace every worker under it. */
void supervisor_read_config_again(struct supervisor *supervisor);

/** `reload NAME…` over the control socket. */
void supervisor_reload(struct supervisor *supervisor, struct control_client *client,
                       const struct string_list *words);
/** A worker has reloaded what it was asked to, or says that it can't in its process. */
void supervisor_reloaded(struct supervisor *supervisor, const struct process *process,
                         const struct channel_message *message);
void supervisor_reload_process_gone(struct supervisor *supervisor, const struct process *process);
void supervisor_reload_client_gone(struct supervisor *supervisor,
                                   const struct control_client *client);

#endif
