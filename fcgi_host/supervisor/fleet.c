#include "fcgi_host/supervisor/fleet.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/balance.h"
#include "fcgi_host/supervisor/fleet_internal.h"

enum {
    /** What a worker may take on top of the deadlines that it keeps itself. */
    GRACE_MS = 5000,
    /** The longest that one application's loading holds up the next one's (loader.h). */
    NEXT_LOAD_MS = 1000,
};

/* ---- Starting ---- */

static struct slot *slot_of(const struct process *process) {
    return &process->fleet->slots[process->slot];
}

static void load_deadline(void *ctx) {
    struct process *process = ctx;
    log_line(LOG_ERROR, "worker.stuck", NULL, "worker %d did not load in time: killed",
             (int)process->pid);
    process->is_overdue = true;
    kill(process->pid, SIGKILL); /* its end is a crash: whatever was loading is to blame */
}

static void drain_deadline(void *ctx) {
    struct process *process = ctx;
    log_line(LOG_WARN, "worker.stuck", NULL, "worker %d did not end in time: killed",
             (int)process->pid);
    process_kill(process);
}

static void patience_ended(void *ctx) {
    struct process *process = ctx;
    fleet_accept(process);
}

void fleet_accept(struct process *process) {
    struct fleet *fleet = process->fleet;
    loop_disarm(fleet->loop, &process->patience);
    if (process->state != PROCESS_LOADING) {
        return;
    }
    process->state = PROCESS_SERVING;
    process->serving_ms = loop_now_ms();
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_ACCEPT});
    if (!fleet->has_served) {
        fleet->has_served = true;
        fleet->hooks.serving(fleet->hooks.ctx);
    }
}

/** Tell both where idle connections go. Without it they are closed, which web servers survive. */
static void tell_heir(struct process *process, struct process *heir, uint64_t timeout_ms) {
    int ends[2] = {-1, -1};
    struct error err;
    if (channel_pair(ends, &err)) {
        log_line(LOG_WARN, "worker.channel", NULL, "idle connections are lost: %s", err.text);
    } else {
        channel_tell(&heir->end, &(struct channel_outgoing){.type = CHANNEL_ADOPT, .fd = &ends[1]});
    }
    channel_tell(&process->end, &(struct channel_outgoing){
                                    .type = CHANNEL_STOP, .number = timeout_ms, .fd = &ends[0]});
    if (ends[0] >= 0) {
        close(ends[0]);
        close(ends[1]);
    }
}

void fleet_drain(struct process *process, struct process *heir, uint64_t timeout_ms) {
    loop_disarm(process->fleet->loop, &process->patience);
    process->state = PROCESS_DRAINING;
    if (heir) {
        tell_heir(process, heir, timeout_ms);
    } else {
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_STOP,
                                                               .number = timeout_ms,
                                                               .name = CHANNEL_STOP_LAST});
    }
    process->deadline.expired = drain_deadline;
    loop_arm(process->fleet->loop, &process->deadline, timeout_ms + GRACE_MS);
}

/* ---- Messages ---- */

/** What it refused is for a fresh process: a refusal can spoil the module for the main interpreter
 *  of this one too. */
static void replace_refused(struct process *process) {
    fleet_replace(process->fleet, &(struct replacement_wish){
                                      .cause = "an application must live in the main interpreter",
                                      .slot = -1,
                                      .is_forced = true});
}

static void learn_refusal(struct process *process, const struct channel_message *message) {
    struct placement *placement = process->fleet->placement;
    if (placement_move_to_main(placement, message->name, message->text, NULL) == 1) {
        const struct log_about about = {.app = message->name};
        log_line(LOG_WARN, "app.placed", &about, "moved to the main interpreter: %s",
                 message->text);
        if (process->is_loaded) { /* a script, on the first request for it */
            replace_refused(process);
        }
    }
    process->is_refused = process->is_refused || !process->is_loaded;
}

/** A worker has nothing left to load. */
static void loaded(struct process *process) {
    struct fleet *fleet = process->fleet;
    struct slot *slot = slot_of(process);
    loop_disarm(fleet->loop, &process->deadline);
    process->is_loaded = true;
    slot->failed_starts = 0;
    if (process->is_refused && process->state == PROCESS_LOADING) {
        process_kill(process); /* another takes its place when it has ended */
    } else if (process == slot->coming) {
        replacement_loaded(fleet, slot);
    } else if (process == slot->current && fleet->is_stopping) {
        uint64_t now_ms = loop_now_ms();
        fleet_accept(process);
        fleet_drain(process, NULL, fleet->stop_at_ms > now_ms ? fleet->stop_at_ms - now_ms : 0);
    } else if (process == slot->current) {
        fleet_accept(process);
        fleet_resize(fleet);
        if (process->is_refused) { /* it lost patience before it knew */
            replace_refused(process);
        }
    }
}

static void handle(struct process *process, const struct channel_message *message) {
    struct fleet *fleet = process->fleet;
    switch (message->type) {
    case CHANNEL_REFUSED:
        learn_refusal(process, message);
        break;
    case CHANNEL_FAILED:
        process_add_failed(process, message->name);
        break;
    case CHANNEL_APP_LOADED:
        placement_loaded(fleet->placement, message->name);
        break;
    case CHANNEL_LOADED:
        loaded(process);
        break;
    case CHANNEL_STOPPED:
        if (process->pid == slot_of(process)->left_pid) {
            replacement_left(slot_of(process));
        }
        break;
    case CHANNEL_REPLACE_ME:
        if (process->state == PROCESS_SERVING) {
            fleet_replace(fleet, &(struct replacement_wish){.cause = message->text,
                                                            .slot = (int)process->slot,
                                                            .is_forced = message->number != 0});
        }
        break;
    default:
        fleet->hooks.message(fleet->hooks.ctx, process, message);
    }
}

static void channel_ready(void *ctx, uint32_t events) {
    struct process *process = ctx;
    struct channel_message message;
    struct error err;
    (void)events;
    if (channel_receive(process->channel.fd, &message, &err) == 0) {
        handle(process, &message);
    } else if (err.code != ERR_BUSY) {
        /* It has ended or is about to: SIGCHLD tells. */
        loop_remove(process->fleet->loop, &process->channel);
    }
}

void fleet_hear_out(struct process *process) {
    struct channel_message message;
    while (channel_receive(process->channel.fd, &message, NULL) == 0) {
        if (message.type == CHANNEL_LOADED) {
            process->is_loaded = true; /* but nobody can be served by it any more */
        } else {
            handle(process, &message);
        }
    }
}

/** How the workers of `config` share connections.  It lasts as long as they do. */
static struct balance *balance_for(struct fleet *fleet, const struct config *config) {
    /* While they are replaced there are as many again. */
    unsigned members = 2 * config->workers;
    struct error err;
    if (config->workers <= 1) {
        return NULL;
    }
    if (!fleet->balance || balance_size(fleet->balance) < members) {
        balance_release(fleet->balance);
        fleet->balance = balance_new(members, &err);
        if (!fleet->balance) {
            log_line(LOG_WARN, "worker.balance", NULL, "connections are not shared evenly: %s",
                     err.text);
        }
    }
    return fleet->balance;
}

struct process *fleet_launch(struct fleet *fleet, struct slot *slot, const struct config *config,
                             const char *cause) {
    struct error err;
    const struct process_start start = {
        .config = config,
        .placement = fleet->placement,
        .is_candidate = config != fleet->config,
        .listen_fd = fleet->listen_fd,
        .is_one_of_many = config->workers > 1,
        .balance = balance_for(fleet, config),
        .run_worker = fleet->hooks.run_worker,
        .in_child = fleet->hooks.in_child,
        .ctx = fleet->hooks.ctx,
    };
    struct process *process = process_start(&start, &err);
    if (process) {
        process->fleet = fleet;
        process->slot = slot->index;
        process->channel.ready = channel_ready;
        process->channel.ctx = process;
        process->deadline = (struct loop_timer){.expired = load_deadline, .ctx = process};
        process->patience = (struct loop_timer){.expired = patience_ended, .ctx = process};
        process->next = fleet->processes;
        fleet->processes = process;
        uint64_t load_ms = (uint64_t)config->startup_timeout_s * 1000 +
                           config->app_count * NEXT_LOAD_MS + GRACE_MS;
        loop_arm(fleet->loop, &process->deadline, load_ms);
        if (loop_add(fleet->loop, &process->channel, EPOLLIN, &err)) {
            process_kill(process);
        }
    }
    if (!process) {
        log_line(LOG_ERROR, "worker.failed", NULL, "cannot start a worker: %s", err.text);
        return NULL;
    }
    log_line(LOG_INFO, "worker.started", NULL, "worker %d started%s%s", (int)process->pid,
             cause ? ": " : "", cause ? cause : "");
    return process;
}

/* ---- The fleet ---- */

struct fleet *fleet_new(struct loop *loop, const struct config *config, int listen_fd,
                        const struct fleet_hooks *hooks, struct error *err) {
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet) {
        fleet->slots = calloc(MAX_WORKERS, sizeof *fleet->slots);
        fleet->placement = placement_new();
    }
    if (!fleet || !fleet->slots || !fleet->placement) {
        error_set(err, ERR_MEMORY, "out of memory");
        fleet_free(fleet);
        return NULL;
    }
    fleet->loop = loop;
    fleet->config = config;
    fleet->listen_fd = listen_fd;
    fleet->hooks = *hooks;
    fleet->stop_deadline = (struct loop_timer){.expired = fleet_stop_deadline, .ctx = fleet};
    for (unsigned i = 0; i < MAX_WORKERS; i++) {
        struct slot *slot = &fleet->slots[i];
        slot->fleet = fleet;
        slot->index = i;
        slot->restart = (struct loop_timer){.expired = fleet_restart, .ctx = slot};
        slot->left = (struct loop_timer){.expired = replacement_left, .ctx = slot};
    }
    return fleet;
}

void fleet_free(struct fleet *fleet) {
    if (fleet) {
        placement_free(fleet->placement);
        balance_release(fleet->balance);
        config_free(fleet->owned_config);
        free(fleet->slots);
        free(fleet);
    }
}

static unsigned wanted_workers(const struct fleet *fleet) {
    unsigned workers = fleet->config->workers;
    return workers < 1 ? 1 : workers < MAX_WORKERS ? workers : MAX_WORKERS;
}

void fleet_start(struct fleet *fleet) {
    /* The others follow when it has loaded, and need not find out what it has. */
    fleet->slot_count = 1;
    fleet_restart(&fleet->slots[0]);
}

void fleet_resize(struct fleet *fleet) {
    unsigned wanted = wanted_workers(fleet);
    if (fleet->replacements && fleet->replacements->started_ms) {
        return; /* it has its eye on the slots: when it has ended */
    }
    while (fleet->slot_count < wanted) {
        fleet_restart(&fleet->slots[fleet->slot_count++]);
    }
    while (fleet->slot_count > wanted) {
        struct slot *slot = &fleet->slots[--fleet->slot_count];
        loop_disarm(fleet->loop, &slot->restart);
        if (slot->current) {
            fleet_drain(slot->current, fleet->slots[0].current, fleet_drain_ms(fleet->config));
            slot->current = NULL;
        }
    }
}

struct process *fleet_processes(const struct fleet *fleet) {
    return fleet->processes;
}

struct process *fleet_current(const struct fleet *fleet, unsigned slot) {
    return slot < fleet->slot_count ? fleet->slots[slot].current : NULL;
}

struct placement *fleet_placement(const struct fleet *fleet) {
    return fleet->placement;
}

const struct config *fleet_config(const struct fleet *fleet) {
    return fleet->config;
}

const struct fleet_last *fleet_last(const struct fleet *fleet) {
    return &fleet->last;
}

bool fleet_is_stopping(const struct fleet *fleet) {
    return fleet->is_stopping;
}
