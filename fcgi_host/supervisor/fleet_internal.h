/**
 * What fleet.c (life), fleet_messages.c (what workers say) and fleet_end.c (workers that have
 * ended) share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_FLEET_INTERNAL_H

#include "fcgi_host/supervisor/fleet.h"
#include "fcgi_host/supervisor/liveness.h"
#include "fcgi_host/supervisor/replacement.h"
#include "fcgi_host/supervisor/seat.h"

struct fleet {
    struct loop *loop;
    struct fleet_hooks hooks;
    struct seats *seats;
    struct replacement_queue *replacements;
    struct liveness *liveness;
    struct config *owned_config; /**< the one in effect when it was read again, to be freed */
    struct fleet_last last;
    bool is_ready;       /**< everything has loaded once */
    bool has_ended;      /**< `ended` was called */
    uint64_t stop_at_ms; /**< once stopping: CLOCK_MONOTONIC */
    struct loop_timer stop_deadline;
};

/** seats_options.message and .accepting @param ctx  struct fleet * */
void fleet_message(void *ctx, struct worker_process *process,
                   const struct channel_message *message);
void fleet_accepting_changed(void *ctx);
/** As many seats in use as the configuration says. */
void fleet_resize(struct fleet *fleet);

/** A process has ended and is no longer in the fleet's list: decide what follows, and free it. */
void fleet_end_process(struct fleet *fleet, struct worker_process *process, int wait_status);

#endif
