#include "fcgi_host/supervisor/seat.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/control_group.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory_room.h"
#include "fcgi_host/supervisor/template.h"

enum {
    /** What a worker may take on top of the deadlines that it keeps itself. */
    GRACE_MS = 5000,
    /** The first worker waits no longer until all applications have loaded or are known to be slow,
     *  with connections in the backlog; then it accepts, so that those can be reached that have. */
    ACCEPT_ANYWAY_MS = 5000,
};

/* ---- All seats ---- */

struct seats *seats_new(const struct seats_options *options, const struct config *config,
                        struct error *err) {
    struct seats *seats = calloc(1, sizeof *seats);
    if (seats) {
        seats->items = calloc(CONFIG_MAX_WORKERS, sizeof *seats->items);
        seats->placement = placement_new();
        seats->slowdown = slowdown_new();
    }
    if (!seats || !seats->items || !seats->placement || !seats->slowdown) {
        error_set(err, ERR_MEMORY, "out of memory");
        seats_free(seats);
        return NULL;
    }
    seats->options = *options;
    seats->config = config;
    for (unsigned i = 0; i < CONFIG_MAX_WORKERS; i++) {
        struct seat *seat = &seats->items[i];
        seat->all = seats;
        seat->index = i;
        seat->refill = (struct loop_timer){.expired = seat_fill, .ctx = seat};
    }
    return seats;
}

void seats_free(struct seats *seats) {
    if (seats) {
        for (unsigned i = 0; seats->items && i < CONFIG_MAX_WORKERS; i++) {
            loop_disarm(seats->options.loop, &seats->items[i].refill);
        }
        placement_free(seats->placement);
        slowdown_free(seats->slowdown);
        balance_release(seats->balance);
        free(seats->items);
        free(seats);
    }
}

/** How the workers of `config` share connections.  It lasts as long as they do. */
static struct balance *balance_for(struct seats *seats, const struct config *config) {
    /* While they are replaced there are as many again. */
    unsigned members = 2 * config->workers.most;
    struct error err;
    if (config->workers.most <= 1) {
        return NULL;
    }
    if (!seats->balance || balance_size(seats->balance) < members) {
        balance_release(seats->balance);
        seats->balance = balance_new(members, &err);
        if (!seats->balance) {
            log_line(LOG_WARN, "worker.balance", NULL, "connections are not shared evenly: %s",
                     err.text);
        }
    }
    return seats->balance;
}

/* ---- Messages ---- */

static void pass_on(struct worker_process *process, const struct channel_message *message) {
    const struct seats_options *options = &process->seat->all->options;
    options->message(options->ctx, process, message);
}

static void on_channel(void *ctx, uint32_t events) {
    struct worker_process *process = ctx;
    struct channel_message message;
    struct error err;
    (void)events;
    if (channel_receive(process->channel.fd, &message, &err) == 0) {
        pass_on(process, &message);
    } else if (err.code != ERR_BUSY) {
        /* It has ended or is about to: SIGCHLD tells. */
        loop_remove(process->seat->all->options.loop, &process->channel);
    }
}

void seat_read_rest(struct worker_process *process) {
    struct channel_message message;
    while (channel_receive(process->channel.fd, &message, NULL) == 0) {
        if (message.type == CHANNEL_LOADED) {
            process->is_loaded = true; /* too late to let it serve */
        } else {
            pass_on(process, &message);
        }
    }
}

/* ---- Starting ---- */

static void load_deadline(void *ctx) {
    struct worker_process *process = ctx;
    log_line(LOG_ERROR, "worker.stuck", NULL, "worker %d did not load in time: killed",
             (int)process->pid);
    process->is_overdue = true;
    kill(process->pid, SIGKILL); /* its end is a crash: whatever was loading is to blame */
}

static void accept_anyway(void *ctx) {
    seat_accept(ctx);
}

/** Up to a tenth less, so that workers that were started together do not go together. */
static void arm_age(struct worker_process *process) {
    const struct seats *seats = process->seat->all;
    uint64_t age_ms = (uint64_t)seats->config->max_age_s * 1000;
    uint64_t mixed = (uint64_t)process->pid * 2654435761u;
    if (age_ms > 0) {
        loop_arm(seats->options.loop, &process->age, age_ms - mixed % (age_ms / 10));
    }
}

static void age_reached(void *ctx) {
    struct worker_process *process = ctx;
    const struct seats_options *options = &process->seat->all->options;
    arm_age(process); /* in case that it is kept */
    options->aged(options->ctx, process);
}

static void watch_process(struct seat *seat, struct worker_process *process,
                          const struct config *config) {
    struct seats *seats = seat->all;
    process->seat = seat;
    process->channel.ready = on_channel;
    process->channel.ctx = process;
    process->deadline = (struct loop_timer){.expired = load_deadline, .ctx = process};
    process->accept_anyway = (struct loop_timer){.expired = accept_anyway, .ctx = process};
    process->age = (struct loop_timer){.expired = age_reached, .ctx = process};
    process->next = seats->processes;
    seats->processes = process;
    uint64_t load_ms = (uint64_t)config->startup_timeout_s * 1000 +
                       config->app_count * WORKER_NEXT_LOAD_MS + GRACE_MS;
    loop_arm(seats->options.loop, &process->deadline, load_ms);
    if (loop_add(seats->options.loop, &process->channel, EPOLLIN, NULL)) {
        seat_kill(process);
    }
}

/** @return where a new worker reads what the applications of another one have imported; -1: without
 *  that it serves what loads */
static int ask_modules(struct worker_process *predecessor) {
    int ends[2];
    if (!predecessor || pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    channel_tell(&predecessor->end,
                 &(struct channel_outgoing){.type = CHANNEL_MODULES, .fd = &ends[1]});
    close(ends[1]);
    return ends[0];
}

void seats_describe_start(struct seats *seats, const struct config *config,
                          struct worker_process_start *ret_start) {
    *ret_start = (struct worker_process_start){
        .config = config,
        .neighbourhood = {.process = "", .mailbox_fd = -1},
        .placement = seats->placement,
        .slowdown = seats->slowdown,
        .lifeline = seats->options.lifeline,
        .is_candidate = config != seats->config,
        .listen_fd = seats->options.listen_fd,
        .modules_fd = -1,
        .is_one_of_many = config->workers.most > 1,
        .makes_no_spares = seats->makes_no_spares,
        .balance = balance_for(seats, config),
        .run_worker = seats->options.run_worker,
        .in_child = seats->options.in_child,
        .ctx = seats->options.in_child_ctx,
    };
    if (seats->options.neighbourhood) {
        seats->options.neighbourhood(seats->options.ctx, config, &ret_start->neighbourhood);
    }
}

void seats_forget_start(struct worker_process_start *start) {
    free((void *)start->neighbourhood.homes); /* the worker has its copy */
    free((void *)start->neighbourhood.script_homes);
    if (start->modules_fd >= 0) {
        close(start->modules_fd);
    }
}

/** The template that a worker can be forked from, or why there is none. */
static void find_template(const struct seats *seats, struct worker_process_start *start) {
    if (start->is_candidate) {
        start->cold_why = "the configuration was new";
    } else if (seats->template && template_fits(seats->template, start->config)) {
        start->template = seats->template;
        start->fork_from = template_fork;
    } else {
        start->cold_why = seats->template ? template_why(seats->template) : "the host stops";
    }
}

/** What has changed since its template was made. */
static void tell_slowdown(const struct worker_process *process, const struct config *config) {
    const char *app = config->apps[0].name; /* the only one */
    uint64_t until_ms = slowdown_until_ms(process->seat->all->slowdown, app);
    if (until_ms > 0) {
        channel_tell(
            &process->end,
            &(struct channel_outgoing){.type = CHANNEL_SLOW_DOWN, .number = until_ms, .name = app});
    }
}

struct worker_process *seat_launch(struct seat *seat, const struct config *config,
                                   struct worker_process *predecessor, const char *cause) {
    struct seats *seats = seat->all;
    struct worker_process_start start;
    struct error err;
    seats_describe_start(seats, config, &start);
    start.modules_fd = ask_modules(predecessor);
    find_template(seats, &start);
    struct worker_process *process = worker_process_start(&start, &err);
    const char *group = start.neighbourhood.process;
    seats_forget_start(&start);
    if (!process) {
        log_line(LOG_ERROR, "worker.failed", NULL, "cannot start a worker: %s", err.text);
        return NULL;
    }
    watch_process(seat, process, config);
    if (process->is_warm) {
        tell_slowdown(process, config);
    }
    bool is_named = *group && strcmp(group, CONFIG_PROCESS_SHARED) != 0;
    log_line(LOG_INFO, "worker.started", NULL, "worker %d started%s%s%s%s", (int)process->pid,
             is_named ? " for process " : "", is_named ? group : "", cause ? ": " : "",
             cause ? cause : "");
    return process;
}

void seat_fill_after(struct seat *seat, struct worker_process *predecessor) {
    struct loop *loop = seat->all->options.loop;
    if (seat->current || seat->coming || seat->all->is_closed) {
        return;
    }
    seat->current = seat_launch(seat, seat->all->config, predecessor, NULL);
    if (seat->current) {
        seat_be_patient(seat->current);
    } else {
        loop_arm(loop, &seat->refill, backoff_next_ms(&seat->backoff, loop_now_ms(), 0));
    }
}

void seat_fill(void *ctx) {
    seat_fill_after(ctx, NULL);
}

void seat_be_patient(struct worker_process *process) {
    loop_arm(process->seat->all->options.loop, &process->accept_anyway, ACCEPT_ANYWAY_MS);
}

void seat_accept(struct worker_process *process) {
    struct seats *seats = process->seat->all;
    loop_disarm(seats->options.loop, &process->accept_anyway);
    if (process->state != PROCESS_LOADING) {
        return;
    }
    process->state = PROCESS_SERVING;
    process->serving_ms = loop_now_ms();
    arm_age(process);
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_ACCEPT});
    if (!seats->has_served) {
        seats->has_served = true;
        seats->options.serving(seats->options.ctx);
    }
    seats->options.accepting(seats->options.ctx);
}

/* ---- Ending ---- */

static void drain_deadline(void *ctx) {
    struct worker_process *process = ctx;
    log_line(LOG_WARN, "worker.stuck", NULL, "worker %d did not end in time: killed",
             (int)process->pid);
    seat_kill(process);
}

/** @param fd  where its connections go; NULL: nowhere, no other worker of the group comes */
static void send_stop(const struct worker_process *process, uint64_t timeout_ms, const int *fd) {
    const char *name = process->seat->all->is_leaving ? CHANNEL_STOP_LEAVING
                       : fd                           ? ""
                                                      : CHANNEL_STOP_LAST;
    channel_tell(&process->end,
                 &(struct channel_outgoing){
                     .type = CHANNEL_STOP, .number = timeout_ms, .name = name, .fd = fd});
}

/** Tell a worker to stop and where its idle connections go.  Without that they are closed, which
 * web servers survive. @return the other end for its successor; -1: none */
static int tell_stop(struct worker_process *process, uint64_t timeout_ms) {
    int ends[2] = {-1, -1};
    struct error err;
    if (channel_pair(ends, &err)) {
        log_line(LOG_WARN, "worker.channel", NULL, "idle connections are lost: %s", err.text);
    }
    send_stop(process, timeout_ms, &ends[0]);
    if (ends[0] >= 0) {
        close(ends[0]);
    }
    return ends[1];
}

void seat_adopt(struct worker_process *process, int fd) {
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_ADOPT, .fd = &fd});
}

void seat_suggest_restart(struct worker_process *process, const char *app) {
    channel_tell(&process->end,
                 &(struct channel_outgoing){.type = CHANNEL_NEEDS_RESTART, .name = app});
}

static void begin_draining(struct worker_process *process, uint64_t timeout_ms) {
    struct loop *loop = process->seat->all->options.loop;
    loop_disarm(loop, &process->accept_anyway);
    loop_disarm(loop, &process->age);
    process->state = PROCESS_DRAINING;
    process->deadline.expired = drain_deadline;
    loop_arm(loop, &process->deadline, timeout_ms + GRACE_MS);
}

int seat_end(struct worker_process *process, uint64_t timeout_ms) {
    begin_draining(process, timeout_ms);
    return tell_stop(process, timeout_ms);
}

void seat_drain(struct worker_process *process, struct worker_process *successor,
                uint64_t timeout_ms) {
    begin_draining(process, timeout_ms);
    if (!successor) {
        send_stop(process, timeout_ms, NULL);
        return;
    }
    int fd = tell_stop(process, timeout_ms);
    if (fd >= 0) {
        seat_adopt(successor, fd);
        close(fd);
    }
}

bool seat_ends_first(const struct config *config) {
    bool ends_first = config->scripts_root && config->script_defaults.reload == RELOAD_MODE_RESTART;
    for (size_t i = 0; i < config->app_count; i++) {
        ends_first |= config->apps[i].reload == RELOAD_MODE_RESTART;
    }
    return ends_first;
}

bool seat_has_room_for(const struct worker_process *process) {
    uint64_t room = memory_room_bytes(CONTROL_GROUP_MOUNTS, CONTROL_GROUP_OWN);
    return room == UINT64_MAX || memory_own_bytes(process->pid) <= room;
}

uint64_t seat_drain_ms(const struct config *config) {
    unsigned longest_s = config->scripts_root ? config->script_defaults.drain_timeout_s : 0;
    for (size_t i = 0; i < config->app_count; i++) {
        if (config->apps[i].drain_timeout_s > longest_s) {
            longest_s = config->apps[i].drain_timeout_s;
        }
    }
    return (uint64_t)longest_s * 1000;
}

void seat_kill(struct worker_process *process) {
    process->state = PROCESS_DOOMED;
    kill(process->pid, SIGKILL);
}

void seat_unwatch(struct worker_process *process) {
    struct loop *loop = process->seat->all->options.loop;
    loop_disarm(loop, &process->deadline);
    loop_disarm(loop, &process->accept_anyway);
    loop_disarm(loop, &process->age);
    loop_remove(loop, &process->channel);
}
