/**
 * What fleet.c (processes) and replacement.c (one after the other) share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H

#include "fcgi_host/link/placement.h"
#include "fcgi_host/supervisor/backoff.h"
#include "fcgi_host/supervisor/fleet.h"

/** More than any machine of today has use for; bounds what is allocated. */
enum { MAX_WORKERS = 256 };

enum {
    /** The first worker waits so long for what is slow to load, with connections in the backlog;
     *  then it accepts, so that the other applications can be reached. */
    FLEET_PATIENCE_MS = 5000,
    /** After stop_timeout_s: to run what an application does at its end. */
    FLEET_STOP_GRACE_MS = 1000,
};

/** A place for a worker. */
struct slot {
    struct fleet *fleet;
    unsigned index;
    struct process *current; /**< serves, or loads when there was none before it */
    struct process *coming;  /**< loads, to take the place of `current` */
    /** The one before `current` was told to stop, and has not said yet that it accepts nothing. */
    bool is_leaving;
    pid_t left_pid;
    struct loop_timer left;
    struct backoff backoff;
    struct loop_timer restart;
    unsigned failed_starts; /**< in a row, without an application to blame */
};

struct replacement {
    struct replacement *next;
    char cause[256];
    struct config *config; /**< the candidate; NULL: the one in effect */
    int slot;              /**< -1: all */
    unsigned at;           /**< the slot that is being replaced */
    unsigned attempts;     /**< workers that died while loading for it */
    bool is_forced;
    uint64_t started_ms; /**< 0: waits in the queue */
    void (*done)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct fleet {
    struct loop *loop;
    struct fleet_hooks hooks;
    int listen_fd;
    uint64_t stop_at_ms; /**< once stopping: CLOCK_MONOTONIC */
    const struct config *config;
    struct config *owned_config; /**< `config` when it was read again, to be freed */
    struct placement *placement;
    struct balance *balance; /**< of workers to come; NULL: one worker, or none could be made */
    struct process *processes;
    struct slot *slots;
    unsigned slot_count;
    struct replacement *replacements; /**< the first is under way */
    struct fleet_last last;
    struct loop_timer stop_deadline;
    bool is_stopping, has_served;
};

/** Start a worker for a slot, or log why not. @return NULL then */
struct process *fleet_launch(struct fleet *fleet, struct slot *slot, const struct config *config,
                             const char *cause);
/** Let a process accept connections. */
void fleet_accept(struct process *process);
/** Tell a process to finish and go. @param heir  takes its idle connections; NULL: nobody, and
 *  nobody accepts after it either */
void fleet_drain(struct process *process, struct process *heir, uint64_t timeout_ms);

/** Handle what a process sent before it ended. */
void fleet_hear_out(struct process *process);
/** Start a worker for a slot that has none (a loop_timer's callback). @param ctx  struct slot * */
void fleet_restart(void *ctx);
/** As many slots as the configuration says. */
void fleet_resize(struct fleet *fleet);
/** The longest drain_timeout_s of any application. */
uint64_t fleet_drain_ms(const struct config *config);
/** @param ctx  struct fleet * */
void fleet_stop_deadline(void *ctx);

/** Go on with the queue of replacements: something has happened. */
void replacement_next(struct fleet *fleet);
/** The old worker accepts nothing any more (a loop_timer's callback too). @param ctx  struct slot *
 */
void replacement_left(void *ctx);
/** `coming` has loaded. */
void replacement_loaded(struct fleet *fleet, struct slot *slot);
/** `coming` died, and is no longer in its slot. @param why for people */
void replacement_died(struct fleet *fleet, struct slot *slot, const char *why);
/** The host stops: tell all that nothing comes of it. */
void replacement_cancel_all(struct fleet *fleet, const char *why);

#endif
