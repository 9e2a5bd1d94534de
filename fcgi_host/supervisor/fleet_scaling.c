/* How many workers a fleet has: as many as its requests need, none after its idle time. */
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/balance.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/supervisor/fleet_internal.h"

enum {
    /** MIN of `workers` is 0, and idle_timeout_s does not say more. */
    IDLE_MS = 60000,
    FIRST_LOOK_MS = 1000,
};

static struct scaling_limits limits_of(const struct fleet *fleet) {
    const struct config *config = fleet->seats->config;
    uint64_t idle_ms = (uint64_t)config->idle_timeout_s * 1000;
    return (struct scaling_limits){
        .least = config->workers.least > 0 ? config->workers.least : 1,
        .most = config->workers.most,
        .idle_ms = idle_ms == 0 && config->workers.least == 0 ? IDLE_MS : idle_ms,
    };
}

static bool is_scaled(const struct scaling_limits *limits) {
    return limits->least != limits->most || limits->idle_ms > 0;
}

static void say_count(const struct fleet *fleet, const char *why) {
    log_line(LOG_INFO, "worker.scaled", NULL, "process %s: %u worker%s: %s", fleet->name,
             fleet->wanted, fleet->wanted == 1 ? "" : "s", why);
}

/* ---- Sleep ---- */

static void be_asleep(struct fleet *fleet) {
    fleet->is_asleep = true;
    fleet->wanted = fleet->seats->count = 0;
    loop_disarm(fleet->loop, &fleet->look);
    if (fleet->template) {
        template_asleep(fleet->template);
    }
}

/** The last worker ends. @param heir  gets its idle connections; NULL: it has none */
static void fall_asleep(struct fleet *fleet, struct worker_process *process,
                        struct worker_process *heir) {
    struct seats *seats = fleet->seats;
    be_asleep(fleet);
    seats->items[0].current = NULL;
    log_line(LOG_INFO, "process.idle", NULL,
             "process %s: no request for its idle time; the next one starts it", fleet->name);
    seat_drain(process, heir, seat_drain_ms(seats->config));
    fleet_accepting_changed(fleet);
}

/** @return the only worker, if nothing is going on but serving; else NULL */
static struct worker_process *find_last(const struct fleet *fleet) {
    struct worker_process *process = fleet->seats->items[0].current;
    bool is_alone = fleet->wanted == 1 && fleet->seats->count == 1 &&
                    !replacement_is_under_way(fleet->replacements);
    return is_alone && process && process->state == PROCESS_SERVING && process->is_loaded ? process
                                                                                          : NULL;
}

static void try_to_sleep(struct fleet *fleet) {
    struct worker_process *process = find_last(fleet);
    struct worker_process *heir =
        process && fleet->hooks.find_heir ? fleet->hooks.find_heir(fleet->hooks.ctx) : NULL;
    if (heir) {
        fall_asleep(fleet, process, heir);
    } else if (process) { /* its connections would be lost */
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_MAY_END});
    } else if (fleet->wanted > 1) {
        fleet->wanted = 1;
        fleet_resize(fleet);
    }
}

void fleet_may_end(struct fleet *fleet, struct worker_process *process) {
    if (process == find_last(fleet) && !fleet->seats->is_closed) {
        fall_asleep(fleet, process, NULL);
    }
}

bool fleet_is_asleep(const struct fleet *fleet) {
    return fleet->is_asleep;
}

/** One seat is in use from now on, and empty. */
static void stir(struct fleet *fleet) {
    fleet->is_asleep = false;
    fleet->wanted = limits_of(fleet).least;
    fleet->seats->count = 1;
    fleet->waits_for_template = true; /* the others */
    fleet->scaling = (struct scaling){0};
}

static bool has_worker(const struct seats *seats) {
    for (unsigned i = 0; i < seats->count; i++) {
        if (seats->items[i].current || seats->items[i].coming) {
            return true;
        }
    }
    return false;
}

void fleet_wake(struct fleet *fleet) {
    if (fleet->is_asleep && !fleet->seats->is_closed) {
        stir(fleet);
        seat_fill(&fleet->seats->items[0]);
    }
}

void fleet_rest(struct fleet *fleet) {
    struct seats *seats = fleet->seats;
    if (seats->is_closed || fleet->is_asleep || has_worker(seats)) {
        return;
    }
    for (unsigned i = 0; i < seats->count; i++) {
        loop_disarm(fleet->loop, &seats->items[i].refill);
    }
    be_asleep(fleet);
}

bool fleet_replace_asleep(struct fleet *fleet, const struct replacement_wish *wish) {
    if (!fleet->is_asleep) {
        return false;
    }
    if (wish->config && !wish->is_in_effect) { /* it is to be proved */
        stir(fleet);
        return false;
    }
    if (wish->config) {
        fleet_set_config(fleet, wish->config);
    }
    if (wish->done) {
        wish->done(wish->ctx, &(struct replacement_result){
                                  .cause = wish->cause, .why = "", .seat = wish->seat});
    }
    return true;
}

/* ---- Looking ---- */

static unsigned in_hand_of(const struct worker_process *process) {
    return atomic_load(process->balance ? balance_in_hand(process->balance, process->balance_member)
                                        : &process->board->in_hand);
}

static void look_at_process(struct scaling_look *look, struct worker_process *process) {
    unsigned serving;
    uint64_t work = scoreboard_work(process->board, &serving);
    look->work += work - process->work_at_look;
    process->work_at_look = work;
    look->serving += serving;
    look->in_hand += in_hand_of(process);
    look->cpu_ms += cpu_used_ms(process->pid);
}

static struct scaling_look take_look(struct fleet *fleet) {
    struct scaling_look look = {.workers = fleet->wanted,
                                .free_cores = cpu_free_cores(&fleet->cpu)};
    look.is_held_back = fleet->cpu.is_held_back;
    for (unsigned i = 0; i < fleet->wanted; i++) {
        struct worker_process *process = fleet->seats->items[i].current;
        look.loading += i >= fleet->seats->count || !process || !process->is_loaded;
        if (process) {
            look_at_process(&look, process);
        }
    }
    return look;
}

/** The shortest queue: how full the others are is not known here, and it may be the one. */
static unsigned shortest_queue(const struct config *config) {
    unsigned shortest = config->script_defaults.queue;
    for (size_t i = 0; i < config->app_count; i++) {
        unsigned queue = config->apps[i].queue;
        shortest = (i == 0 && !config->scripts_root) || queue < shortest ? queue : shortest;
    }
    return shortest;
}

/** @return requests that wait, in all workers that serve  @param[out] ret_workers  how many do */
static unsigned count_waiting(const struct fleet *fleet, unsigned *ret_workers) {
    unsigned waiting = 0, workers = 0;
    for (struct worker_process *process = fleet_processes(fleet); process;
         process = process->next) {
        unsigned serving, in_hand = in_hand_of(process);
        if (process->state == PROCESS_SERVING) {
            scoreboard_work(process->board, &serving);
            waiting += in_hand > serving ? in_hand - serving : 0;
            workers++;
        }
    }
    *ret_workers = workers;
    return waiting;
}

unsigned fleet_waiting(const struct fleet *fleet) {
    unsigned workers;
    return count_waiting(fleet, &workers);
}

double fleet_filled(const struct fleet *fleet) {
    unsigned workers, waiting = count_waiting(fleet, &workers);
    unsigned room = workers * shortest_queue(fleet_part(fleet));
    return waiting == 0 ? 0 : waiting < room ? (double)waiting / room : 1;
}

/** @return whether memory has room for another worker; said once for a time that it has not */
static bool has_room(struct fleet *fleet) {
    const struct worker_process *process = fleet->seats->items[0].current;
    bool has_room = !process || seat_has_room_for(process);
    if (!has_room && !fleet->was_full) {
        log_line(LOG_WARN, "worker.memory", NULL,
                 "process %s: requests wait, and there is no memory for another worker",
                 fleet->name);
    }
    fleet->was_full = !has_room;
    return has_room;
}

static void grow(struct fleet *fleet, unsigned count) {
    if (has_room(fleet)) {
        fleet->wanted += count;
        say_count(fleet, "requests wait");
        fleet_resize(fleet);
    }
}

static void look(void *ctx) {
    struct fleet *fleet = ctx;
    const struct scaling_limits limits = limits_of(fleet);
    if (fleet->seats->is_closed || fleet->is_asleep || !is_scaled(&limits)) {
        return;
    }
    if (replacement_is_under_way(fleet->replacements)) {
        loop_arm(fleet->loop, &fleet->look, FIRST_LOOK_MS);
        return;
    }
    const struct scaling_look seen = take_look(fleet);
    struct scaling_decision decision =
        scaling_decide(&fleet->scaling, &limits, &seen, loop_now_ms());
    if (decision.next_ms > 0) {
        loop_arm(fleet->loop, &fleet->look, decision.next_ms);
    }
    if (decision.step != SCALING_SLEEP && fleet->wanted < limits.least) {
        fleet->wanted = limits.least; /* it was about to sleep */
        fleet_resize(fleet);
        return;
    }
    switch (decision.step) {
    case SCALING_GROW:
        grow(fleet, decision.count);
        break;
    case SCALING_SHRINK:
        fleet->wanted--;
        say_count(fleet, "there is less to do");
        fleet_resize(fleet);
        break;
    case SCALING_SLEEP:
        try_to_sleep(fleet);
        break;
    case SCALING_KEEP:
        break;
    }
}

void fleet_scaling_init(struct fleet *fleet) {
    fleet->look = (struct loop_timer){.expired = look, .ctx = fleet};
}

void fleet_look_soon(struct fleet *fleet, bool is_busy) {
    const struct scaling_limits limits = limits_of(fleet);
    /* While it is short, the next look is near; one before that would see too little time to tell
     * whether the workers compute. */
    bool is_due = (is_busy && !fleet->scaling.was_short) || !fleet->look.is_armed;
    if (is_scaled(&limits) && is_due && !fleet->seats->is_closed && !fleet->is_asleep) {
        loop_arm(fleet->loop, &fleet->look, is_busy ? 0 : FIRST_LOOK_MS);
    }
}

void fleet_fit(struct fleet *fleet) {
    const struct scaling_limits limits = limits_of(fleet);
    if (fleet->is_asleep) {
        if (limits.idle_ms == 0) {
            fleet_wake(fleet);
        }
        return;
    }
    fleet->wanted = fleet->wanted < limits.least  ? limits.least
                    : fleet->wanted > limits.most ? limits.most
                                                  : fleet->wanted;
}
