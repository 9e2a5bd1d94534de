/**
 * What fleet.c (life), fleet_messages.c (what workers say) and fleet_end.c (workers that have
 * ended) share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H

#include "fcgi_host/supervisor/cpu.h"
#include "fcgi_host/supervisor/fleet.h"
#include "fcgi_host/supervisor/liveness.h"
#include "fcgi_host/supervisor/replacement.h"
#include "fcgi_host/supervisor/scaling.h"
#include "fcgi_host/supervisor/seat.h"
#include "fcgi_host/supervisor/template.h"

struct fleet {
    struct loop *loop;
    struct fleet_hooks hooks;
    struct seats *seats;
    struct replacement_queue *replacements;
    struct liveness *liveness;
    struct template *template;          /**< NULL: the last worker has ended */
    struct cpu_sample cpu_for_template; /**< fleet_template.c */
    unsigned busy_looks;                /**< in a row */
    bool waits_for_template;            /**< workers that are wanted, while one is coming */
    struct config *owned_config; /**< the one in effect when it was read again, to be freed */
    struct fleet_last last;
    const char *name; /**< the process group's */
    unsigned wanted;  /**< workers; 0: the fleet is asleep, or not started */
    bool is_asleep;   /**< no worker: fleet_wake() */
    struct scaling scaling;
    struct cpu_sample cpu;
    struct loop_timer look;
    bool was_full;       /**< of memory, when a worker more was wanted */
    bool is_ready;       /**< everything has loaded once */
    bool has_ended;      /**< `ended` was called */
    uint64_t stop_at_ms; /**< once stopping: CLOCK_MONOTONIC */
    struct loop_timer stop_deadline;
};

/** seats_options.message and .accepting @param ctx  struct fleet * */
void fleet_message(void *ctx, struct worker_process *process,
                   const struct channel_message *message);
void fleet_accepting_changed(void *ctx);
/** seats_options.aged */
void fleet_aged(void *ctx, struct worker_process *process);
/** As many seats in use as workers are wanted. */
void fleet_resize(struct fleet *fleet);

/* ---- fleet_scaling.c ---- */

void fleet_scaling_init(struct fleet *fleet);
/** See whether the fleet has too few or too many workers: at once if one says that it is busy. */
void fleet_look_soon(struct fleet *fleet, bool is_busy);
/** Another configuration is in effect: as many workers as it allows. */
void fleet_fit(struct fleet *fleet);
/** A worker says that it has no connection, and may end. */
void fleet_may_end(struct fleet *fleet, struct worker_process *process);
/** Replace the workers of a fleet that is asleep. @return whether there is nothing more to do */
bool fleet_replace_asleep(struct fleet *fleet, const struct replacement_wish *wish);

/* ---- fleet_template.c ---- */

/** @return 0, or -1: ERR_MEMORY */
int fleet_template_init(struct fleet *fleet, struct error *err);
/** @return whether workers that are wanted are not started yet, because a template is coming */
bool fleet_template_is_awaited(const struct fleet *fleet);
/** Start them. */
void fleet_template_wait_no_more(struct fleet *fleet);
/** The last worker has ended: there is none any more. */
void fleet_template_end(struct fleet *fleet);
/** A worker serves, or is to serve, that has loaded. */
void fleet_template_loaded(struct fleet *fleet, const struct worker_process *process);
/** CHANNEL_LIBRARIES: takes the message's descriptor over. */
void fleet_template_learn(struct fleet *fleet, const struct channel_message *message);
/** CHANNEL_COLD: another worker is started in place of this one. */
void fleet_template_misfit(struct fleet *fleet, struct worker_process *process,
                           const struct channel_message *message);

/** A process has ended and is no longer in the fleet's list: decide what follows, and free it. */
void fleet_end_process(struct fleet *fleet, struct worker_process *process, int wait_status);

#endif
