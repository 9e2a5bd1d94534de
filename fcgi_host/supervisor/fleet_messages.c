/* What the workers of a fleet say, and what follows from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/fleet_internal.h"

void fleet_accepting_changed(void *ctx) {
    struct fleet *fleet = ctx;
    fleet_look_soon(fleet, false);
    if (fleet->hooks.accepting_changed) {
        fleet->hooks.accepting_changed(fleet->hooks.ctx);
    }
}

void fleet_aged(void *ctx, struct worker_process *process) {
    fleet_replace(ctx, &(struct replacement_wish){.cause = "max_age_s reached",
                                                  .seat = (int)process->seat->index,
                                                  .worker = process->pid});
}

static const struct replacement_wish s_refused = {
    .cause = "an application must live in the main interpreter", .seat = -1, .is_forced = true};

/** An interpreter that requests wait for, since an extension has refused in one. */
struct awaited {
    struct fleet *fleet;
    char interpreter[CHANNEL_NAME_BYTES];
};

/** No worker has come that has it in main: those that wait are answered where they are. */
static void tell_stays(void *ctx, const struct replacement_result *result) {
    const struct awaited *awaited = ctx;
    const struct channel_outgoing message = {.type = CHANNEL_STAYS, .name = awaited->interpreter};
    struct worker_process *process = result->is_kept ? awaited->fleet->seats->processes : NULL;
    for (; process; process = process->next) {
        channel_tell(&process->end, &message);
    }
    free(ctx);
}

/** An interpreter that was refused is for a fresh process: a refusal can spoil the module for the
 *  main interpreter of the same process too. @param interpreter  "": any that was */
static void replace_awaited(struct fleet *fleet, const char *interpreter) {
    struct replacement_wish wish = s_refused;
    struct awaited *awaited = malloc(sizeof *awaited);
    if (awaited) { /* else those that wait are answered when the worker ends */
        awaited->fleet = fleet;
        snprintf(awaited->interpreter, sizeof awaited->interpreter, "%s", interpreter);
        wish.done = tell_stays;
        wish.ctx = awaited;
    }
    fleet_replace(fleet, &wish);
}

/** Let an interpreter's applications live in the main one. @return whether they did not yet */
static bool move_to_main(const struct fleet *fleet, const struct channel_message *message) {
    const struct log_about about = {.app = message->name};
    if (placement_move_to_main(fleet->seats->placement, message->name, message->text, NULL) != 1) {
        return false;
    }
    log_line(LOG_WARN, "app.placed", &about, "moved to the main interpreter: %s", message->text);
    return true;
}

/** @return whether the worker is the one of its seat, and serves or soon does */
static bool may_ask(const struct worker_process *process) {
    bool serves = process->state == PROCESS_SERVING ||
                  (process->state == PROCESS_LOADING && process->is_loaded); /* it soon accepts */
    return process == process->seat->current && serves;
}

static void learn_refusal(struct fleet *fleet, struct worker_process *process,
                          const struct channel_message *message) {
    if (fleet->hooks.refused &&
        fleet->hooks.refused(fleet->hooks.ctx, message->name, message->text, message->finding)) {
        /* The others are loaded where nothing is left behind of this one. */
        process->is_refused |= message->number != 0 && !process->is_loaded;
        return;
    }
    bool is_new = move_to_main(fleet, message);
    bool is_wanted = is_new || (may_ask(process) && !replacement_is_under_way(fleet->replacements));
    if (process->is_loaded && is_wanted) {
        replace_awaited(fleet, message->name); /* a script, on its first request */
    }
    process->is_refused = process->is_refused || !process->is_loaded;
}

/** As many seats in use as workers are wanted. */
void fleet_resize(struct fleet *fleet) {
    struct seats *seats = fleet->seats;
    unsigned wanted = fleet->wanted;
    if (replacement_is_under_way(fleet->replacements)) {
        return; /* a replacement under way counts on the seats: resized when it has ended */
    }
    if (fleet_template_is_awaited(fleet)) {
        return;
    }
    fleet->waits_for_template = false;
    while (seats->count < wanted) {
        seat_fill(&seats->items[seats->count++]);
    }
    while (seats->count > wanted) {
        struct seat *seat = &seats->items[--seats->count];
        loop_disarm(fleet->loop, &seat->refill);
        if (seat->current) {
            seat_drain(seat->current, seats->items[0].current, seat_drain_ms(seats->config));
            seat->current = NULL;
        }
    }
}

/** The host stops, and this worker was allowed to load for the connections that wait. */
static void serve_what_waits(struct fleet *fleet, struct worker_process *process) {
    uint64_t now_ms = loop_now_ms();
    seat_accept(process);
    seat_drain(process, NULL, fleet->stop_at_ms > now_ms ? fleet->stop_at_ms - now_ms : 0);
}

/** The first worker need not wait for slow applications: the others can be reached, and requests
 * for the slow ones wait in their queues.  One that was refused an interpreter is not to serve. */
static void on_slow_left(const struct fleet *fleet, struct worker_process *process) {
    if (process == process->seat->current && !process->is_refused && !fleet->seats->is_closed) {
        seat_accept(process);
    }
}

/** Tell that every worker has loaded, once. */
static void announce_ready(struct fleet *fleet) {
    const struct seats *seats = fleet->seats;
    size_t failed = 0;
    if (fleet->is_ready || seats->count < fleet->wanted) {
        return;
    }
    for (unsigned i = 0; i < seats->count; i++) {
        const struct worker_process *process = seats->items[i].current;
        if (!process || !process->is_loaded || process->is_refused) {
            return;
        }
        failed = process->failed.count > failed ? process->failed.count : failed;
    }
    fleet->is_ready = true;
    if (fleet->hooks.ready) {
        fleet->hooks.ready(fleet->hooks.ctx, failed);
    }
}

/** A worker has nothing left to load. */
static void on_loaded(struct fleet *fleet, struct worker_process *process) {
    struct seat *seat = process->seat;
    if (process->state == PROCESS_DOOMED) {
        return; /* another comes in its place */
    }
    loop_disarm(fleet->loop, &process->deadline);
    process->is_loaded = true;
    seat->failed_starts = 0;
    if (process->is_refused && process->state == PROCESS_LOADING) {
        seat_kill(process); /* another takes its place when it has ended */
    } else if (process != seat->coming && process != seat->current) {
        return; /* its seat was given up, or another has it */
    } else if (fleet->seats->is_closed) {
        serve_what_waits(fleet, process);
    } else if (process == seat->coming) {
        replacement_loaded(fleet->replacements, seat);
        if (process->is_refused) { /* it accepted before it knew */
            replace_awaited(fleet, "");
        }
    } else {
        seat_accept(process);
        if (process->is_refused) { /* it accepted before it knew */
            replace_awaited(fleet, "");
        }
    }
    fleet_template_loaded(fleet, process);
    if (process == seat->current && process->state == PROCESS_SERVING) {
        fleet_resize(fleet);
    }
    announce_ready(fleet);
}

static void replace_as_asked(struct fleet *fleet, struct worker_process *process,
                             const struct channel_message *message) {
    if (!may_ask(process) || (fleet->hooks.leaves && fleet->hooks.leaves(fleet->hooks.ctx))) {
        return;
    }
    fleet->seats->makes_no_spares |= message->number == CHANNEL_SPARE_HARMED;
    if (message->number == CHANNEL_IS_BARRED) {
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_PAUSE});
        process->is_paused = true;
        fleet_accepting_changed(fleet);
    }
    if (strcmp(message->name, CONFIG_MAIN_INTERPRETER) == 0) { /* its files have changed */
        placement_forget_guesses(fleet->seats->placement, NULL);
    }
    fleet_replace(fleet,
                  &(struct replacement_wish){.cause = message->text,
                                             .seat = (int)process->seat->index,
                                             .worker = process->pid,
                                             .is_forced = message->number != CHANNEL_MAY_GO_ON,
                                             .is_upkeep = !*message->name});
}

static bool move_elsewhere(const struct fleet *fleet, const struct channel_message *message,
                           bool is_barred) {
    return fleet->hooks.move && fleet->hooks.move(fleet->hooks.ctx, message->name, is_barred,
                                                  message->text, message->finding);
}

/** No other interpreter is in this process: the main one is free. */
static void move_here(struct fleet *fleet, const struct channel_message *message) {
    bool is_new = move_to_main(fleet, message);
    if (is_new || !replacement_is_under_way(fleet->replacements)) {
        replace_awaited(fleet, message->name);
    }
}

void fleet_move_found(struct fleet *fleet, const char *interpreter, const char *why,
                      const char *finding) {
    struct channel_message message = {.type = CHANNEL_MOVE_ME, .number = CHANNEL_MOVE_FOUND};
    snprintf(message.name, sizeof message.name, "%s", interpreter);
    snprintf(message.text, sizeof message.text, "%s", why);
    snprintf(message.finding, sizeof message.finding, "%s", finding);
    if (!move_elsewhere(fleet, &message, false)) {
        move_here(fleet, &message);
    }
}

static void move_as_asked(struct fleet *fleet, struct worker_process *process,
                          struct channel_message message) {
    bool is_barred = message.number == CHANNEL_MOVE_BARRED || message.number == CHANNEL_MOVE_WRONG;
    bool is_for_reload =
        message.number == CHANNEL_MOVE_BARRED || message.number == CHANNEL_MOVE_TO_RELOAD;
    if (!may_ask(process) || move_elsewhere(fleet, &message, is_barred)) {
        return;
    }
    if (!is_for_reload) {
        move_here(fleet, &message);
        return;
    }
    message.number = is_barred ? CHANNEL_IS_BARRED : CHANNEL_MAY_GO_ON;
    replace_as_asked(fleet, process, &message);
}

static void on_app_loaded(struct fleet *fleet, struct worker_process *process, const char *app) {
    worker_process_add_loaded(process, app);
    placement_loaded(fleet->seats->placement, app);
    if (fleet->hooks.loaded) {
        fleet->hooks.loaded(fleet->hooks.ctx);
    }
}

void fleet_message(void *ctx, struct worker_process *process,
                   const struct channel_message *message) {
    struct fleet *fleet = ctx;
    switch (message->type) {
    case CHANNEL_REFUSED:
        learn_refusal(fleet, process, message);
        break;
    case CHANNEL_FAILED:
        if (!fleet->hooks.is_elsewhere ||
            !fleet->hooks.is_elsewhere(fleet->hooks.ctx, message->name)) {
            worker_process_add_failed(process, message->name, message->text);
            process->found_in_use |= message->number != 0;
        }
        break;
    case CHANNEL_APP_LOADED:
        on_app_loaded(fleet, process, message->name);
        break;
    case CHANNEL_SLOW_LEFT:
        on_slow_left(fleet, process);
        break;
    case CHANNEL_LOADED:
        on_loaded(fleet, process);
        break;
    case CHANNEL_DRY:
        process->is_dry = true;
        fleet_accepting_changed(fleet);
        break;
    case CHANNEL_BUSY:
        fleet_look_soon(fleet, true);
        break;
    case CHANNEL_NOTHING_LEFT:
        fleet_may_end(fleet, process);
        break;
    case CHANNEL_PONG:
        liveness_answered(process);
        break;
    case CHANNEL_STOPPED:
        process->has_stopped = true;
        replacement_left(fleet->replacements, process->pid);
        fleet_accepting_changed(fleet);
        break;
    case CHANNEL_MOVE_ME:
        move_as_asked(fleet, process, *message);
        break;
    case CHANNEL_LIBRARIES:
        fleet_template_learn(fleet, message);
        break;
    case CHANNEL_COLD:
        fleet_template_misfit(fleet, process, message);
        break;
    case CHANNEL_REPLACE_ME:
        replace_as_asked(fleet, process, message);
        break;
    default:
        fleet->hooks.message(fleet->hooks.ctx, process, message);
    }
}
