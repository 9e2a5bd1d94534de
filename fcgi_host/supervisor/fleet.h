/**
 * The worker processes of a supervisor, as many as `workers` says: started, restarted after a
 * crash, replaced one after the other, stopped.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_FLEET_H
#define FCGI_HOST_SUPERVISOR_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/replacement.h"
#include "fcgi_host/supervisor/worker_process.h"
#include "pool/base/error.h"

struct fleet;

struct fleet_hooks {
    void *ctx;
    worker_run_function *run_worker; /**< a child's main() */
    template_run_function *run_template;
    /** A message that is not about starting and ending: status and reload.  Its descriptor, if it
     *  has one, is to be closed. */
    void (*message)(void *ctx, struct worker_process *process,
                    const struct channel_message *message);
    /** This process is about to be freed. */
    void (*gone)(void *ctx, struct worker_process *process);
    /** The first worker accepts. Called once. */
    void (*serving)(void *ctx);
    /** The configuration in effect has changed; the one before it is freed after this. */
    void (*config_changed)(void *ctx, const struct config *before, const struct config *config);
    /** An application is not loaded any more, because it killed its workers. */
    void (*given_up)(void *ctx, const char *file);
    /** After fleet_stop(): the last worker has ended. Or no worker could ever start: status 1. */
    void (*ended)(void *ctx, int exit_status);
    /** In a new child: close what is the supervisor's. */
    void (*in_child)(void *ctx);

    struct lifeline *lifeline; /**< of this process, for all workers; NULL: none */

    /* Of a fleet beside others; NULL: it is alone. */
    /** What a worker that is started with this configuration knows of the other groups. */
    void (*neighbourhood)(void *ctx, const struct config *config,
                          struct neighbourhood *ret_neighbourhood);
    /** An interpreter was refused.
     *  @param finding  as in channel.h
     *  @return whether its applications are another group's now; if not, they live in the main
     *          interpreter of their group from now on */
    bool (*refused)(void *ctx, const char *interpreter, const char *why, const char *finding);
    /** The same, of an application that has crashed a worker while it was loaded. */
    bool (*crashed)(void *ctx, const char *app, const char *interpreter, const char *why);
    /** An interpreter that serves cannot be reloaded beside others.
     *  @param is_barred  its applications are not served any more meanwhile
     *  @param finding    as in channel.h
     *  @return whether they get a group of their own */
    bool (*move)(void *ctx, const char *interpreter, bool is_barred, const char *why,
                 const char *finding);
    /** A worker wants to be replaced, because of an edit perhaps.
     *  @return whether what it serves is gone: the fleet has been told to leave */
    bool (*leaves)(void *ctx);
    /** @return whether an application is another group's */
    bool (*is_elsewhere)(void *ctx, const char *app);
    /** @return a worker of another fleet, for the connections of this one's last; NULL: none */
    struct worker_process *(*find_heir)(void *ctx);
    /** A worker accepts connections from now on, or begins no request any more; the fleet falls
     *  asleep, or wakes. */
    void (*accepting_changed)(void *ctx);
    /** No worker could start, three times.
     *  @return whether to call `ended` with status 1; else it is tried again */
    bool (*gives_up)(void *ctx);
    /** An application has loaded in a worker. Optional. */
    void (*loaded)(void *ctx);
    /** A replacement of workers has ended. */
    void (*replaced)(void *ctx, const struct replacement_result *result);
    /** Every worker has loaded for the first time, but for so many applications. */
    void (*ready)(void *ctx, size_t failed);
};

/** @param name    of its process group; the caller's, valid as long as the fleet
 *  @param config  the caller's, valid as long as the fleet
 *  @return the fleet, nothing started, or NULL: ERR_MEMORY */
struct fleet *fleet_new(struct loop *loop, const char *name, const struct config *config,
                        int listen_fd, const struct fleet_hooks *hooks, struct error *err);
/** Every process must have ended. */
void fleet_free(struct fleet *fleet);

/** Start the workers; none where the first request is to start one.
 *  @param before  another fleet, which serves what this one is to take over; NULL: none */
void fleet_start(struct fleet *fleet, const struct fleet *before);
/** A process has ended. @return whether it was one of the fleet's */
bool fleet_reap(struct fleet *fleet, pid_t pid, int wait_status);
/** Call `ended` if the fleet is stopping and its last worker has ended. */
void fleet_end_if_empty(struct fleet *fleet);

/** Workers that are started from now on have this configuration; those that run go on.
 *  @param config  taken over */
void fleet_set_config(struct fleet *fleet, struct config *config);
/** An interpreter was found to need a process, or the main interpreter, for itself: its
 * applications
 *  get it, and serve where they are until then. @param finding  of an extension (channel.h) */
void fleet_move_found(struct fleet *fleet, const char *interpreter, const char *why,
                      const char *finding);
/** Queue a replacement: replacement_add(). */
void fleet_replace(struct fleet *fleet, const struct replacement_wish *wish);
/** A command waits for workers: see whether they answer (liveness.h). */
void fleet_suspect(struct fleet *fleet);
/** Drop the callbacks of replacements that have this `ctx`: it is about to be freed. */
void fleet_forget(struct fleet *fleet, const void *ctx);

/**
 * Every worker finishes what it has, within `timeout_s`; then `ended` is called.
 * @param are_connections_waiting  no worker has accepted some connections: a worker that still
 *                                 loads may finish loading when no other can answer them
 */
void fleet_stop(struct fleet *fleet, unsigned timeout_s, bool are_connections_waiting);
/** The same of one process group, beside others that serve on. */
void fleet_leave(struct fleet *fleet, unsigned timeout_s);
/** Kill every worker; `ended` is called. */
void fleet_kill(struct fleet *fleet);
bool fleet_is_stopping(const struct fleet *fleet);
/** The listening socket is about to be closed: workers that are started from now on have none. */
void fleet_forget_listening(struct fleet *fleet);

/** @return whether there is no worker, since there was nothing to do: fleet_wake() */
bool fleet_is_asleep(const struct fleet *fleet);
/** Start a worker of a fleet that is asleep. */
void fleet_wake(struct fleet *fleet);
/** If no worker runs, as after crashes, the next is started by what comes: fleet_wake(). */
void fleet_rest(struct fleet *fleet);
/** @return whether a worker accepts connections, or will when it has loaded */
bool fleet_will_accept(const struct fleet *fleet);
/** @return a worker that serves and answers, or NULL */
struct worker_process *fleet_find_serving(const struct fleet *fleet);
/** Workers that wait (replacement.h, `is_held`) take their seats. @return whether any waits */
bool fleet_commit(struct fleet *fleet);
/** They are given up. */
void fleet_abort(struct fleet *fleet, const char *why);
/** @return a worker that serves or is about to, and is not being replaced; NULL: none
 *  @param fleet  NULL: none */
struct worker_process *fleet_find_heir(const struct fleet *fleet);

/** @return whether it is a process of this fleet */
bool fleet_has(const struct fleet *fleet, const struct worker_process *process);
/** Tell workers that are dry, once, that nothing is passed any more: CHANNEL_NO_MORE. */
void fleet_let_dry_go(struct fleet *fleet);
/** @return requests that wait for a thread, in workers that serve */
unsigned fleet_waiting(const struct fleet *fleet);
/** @return how much of its workers' queues is filled, as if what waits did so in the shortest queue
 *          of each worker: 0 nothing waits, 1 there is no room */
double fleet_filled(const struct fleet *fleet);
/** @return whether a worker accepts connections */
bool fleet_accepts(const struct fleet *fleet);
/** The list of all worker processes. */
struct worker_process *fleet_processes(const struct fleet *fleet);
/** The configuration in effect. */
const struct config *fleet_part(const struct fleet *fleet);
struct placement *fleet_placement(const struct fleet *fleet);
/** What its workers are forked from, perhaps; NULL: the last worker has ended. */
struct template *fleet_template(const struct fleet *fleet);

/** The last replacement, for the status; its `cause` is "" when there was none. */
struct fleet_last {
    char cause[256];
    char why[1024];
    bool is_kept;
    double total_ms;
    int64_t at_s; /**< CLOCK_REALTIME */
};
const struct fleet_last *fleet_last(const struct fleet *fleet);

#endif
