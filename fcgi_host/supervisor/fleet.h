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
#include "fcgi_host/supervisor/worker_process.h"
#include "pool/base/error.h"

struct fleet;

/** How a replacement ended. */
struct replacement_result {
    bool is_kept; /**< the old worker goes on, `why` says why; else it was replaced */
    const char *why;
    double total_ms;
};

/** A wish for a replacement. All text is copied. */
struct replacement_wish {
    const char *cause;     /**< "asked by …", for log and status */
    struct config *config; /**< a new configuration, taken over; NULL: the one in effect */
    int slot;              /**< one worker; -1: all, one after the other */
    /** Also when applications that served do not load: the old worker cannot go on. */
    bool is_forced;
    /** Told once how it ended. Optional. */
    void (*done)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct fleet_hooks {
    void *ctx;
    worker_run_function *run_worker; /**< a child's main() */
    /** A message that the fleet has no use for: status and reload.  Its descriptor, if it has
     *  one, is to be closed. */
    void (*message)(void *ctx, struct process *process, const struct channel_message *message);
    /** This process is about to be freed. */
    void (*gone)(void *ctx, struct process *process);
    /** The first worker accepts. Called once. */
    void (*serving)(void *ctx);
    /** The configuration in effect has changed; the one before it is freed after this. */
    void (*config_changed)(void *ctx, const struct config *before, const struct config *config);
    /** An application is not loaded any more, because it killed its workers. */
    void (*given_up)(void *ctx, const char *file);
    /** After fleet_stop(): the last one has ended. Or no worker could ever start: status 1. */
    void (*ended)(void *ctx, int exit_status);
    /** In a new child: close what is the supervisor's. */
    void (*in_child)(void *ctx);
};

/** @param config  the caller's, valid as long as the fleet
 *  @return the fleet, nothing started, or NULL: ERR_MEMORY */
struct fleet *fleet_new(struct loop *loop, const struct config *config, int listen_fd,
                        const struct fleet_hooks *hooks, struct error *err);
/** Every process must have ended. */
void fleet_free(struct fleet *fleet);

/** Start all workers. */
void fleet_start(struct fleet *fleet);
/** SIGCHLD: some may have ended. */
void fleet_reap(struct fleet *fleet);

/** Queue a replacement; what can't be queued (out of memory, stopping) is told as kept. */
void fleet_replace(struct fleet *fleet, const struct replacement_wish *wish);
/** Whoever was to be told is gone. */
void fleet_forget(struct fleet *fleet, void *ctx);

/**
 * Every worker finishes what it has, within `timeout_s`; then `ended` is called.
 * @param are_connections_waiting  some were made that no worker has accepted: a worker that still
 *                                 loads is let finish when no other can answer them
 */
void fleet_stop(struct fleet *fleet, unsigned timeout_s, bool are_connections_waiting);
/** Kill them all; `ended` is called. */
void fleet_kill(struct fleet *fleet);
bool fleet_is_stopping(const struct fleet *fleet);

/** All of them. */
struct process *fleet_processes(const struct fleet *fleet);
/** The process that serves a slot, or NULL. */
struct process *fleet_current(const struct fleet *fleet, unsigned slot);
struct placement *fleet_placement(const struct fleet *fleet);
const struct config *fleet_config(const struct fleet *fleet);

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
