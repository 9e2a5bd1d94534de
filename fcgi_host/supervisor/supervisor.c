#include "fcgi_host/supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/supervisor/config_reload.h"
#include "fcgi_host/supervisor/log_files.h"
#include "fcgi_host/supervisor/notify.h"
#include "fcgi_host/supervisor/recent.h"
#include "fcgi_host/supervisor/service_status.h"
#include "fcgi_host/supervisor/supervisor_internal.h"

/* ---- Signals ---- */

void supervisor_stop(struct supervisor *supervisor, const char *cause) {
    if (groups_are_stopping(supervisor->groups)) {
        return;
    }
    log_line(LOG_INFO, "host.stopping", NULL, "%s: finishing the requests in hand", cause);
    notify_stopping(groups_config(supervisor->groups)->stop_timeout_s);
    drain_end(&supervisor->drain);
    tasks_stop(supervisor->tasks);
    bool are_waiting = listener_has_waiting(supervisor->listener);
    /* New connections are refused from here on; those that wait are accepted. */
    listener_refuse(supervisor->listener);
    groups_stop(supervisor->groups, groups_config(supervisor->groups)->stop_timeout_s, are_waiting);
    listener_close(supervisor->listener);
}

static void on_drained(void *ctx) {
    supervisor_stop(ctx, "drained");
}

static void stop_host(struct supervisor *supervisor, const struct signalfd_siginfo *info) {
    bool is_from_spawner = supervisor->is_spawned && (pid_t)info->ssi_pid == getppid();
    char cause[32];
    switch (stop_signal_meaning(&supervisor->stop, loop_now_ms(), is_from_spawner)) {
    case STOP_GRACEFULLY:
        snprintf(cause, sizeof cause, "signal %u", info->ssi_signo);
        supervisor_stop(supervisor, cause);
        break;
    case STOP_NOW:
        log_line(LOG_WARN, "host.stopping", NULL, "signal %u again: stopping now", info->ssi_signo);
        groups_kill(supervisor->groups);
        break;
    case STOP_REPEATED:
        break;
    }
}

static void ask_stacks(const struct supervisor *supervisor) {
    for (struct worker_process *process = groups_next_process(supervisor->groups, NULL); process;
         process = groups_next_process(supervisor->groups, process)) {
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_STACKS});
    }
}

static void signal_ready(void *ctx, uint32_t events) {
    struct supervisor *supervisor = ctx;
    struct signalfd_siginfo info;
    (void)events;
    if (read(supervisor->signals.fd, &info, sizeof info) != sizeof info) {
        return;
    }
    switch (info.ssi_signo) {
    case SIGTERM:
    case SIGINT:
        stop_host(supervisor, &info);
        break;
    case SIGQUIT:
        drain_begin(&supervisor->drain, groups_config(supervisor->groups)->drain_s, "SIGQUIT");
        break;
    case SIGHUP:
        config_reload(supervisor->groups, supervisor->options->argc, supervisor->options->argv);
        break;
    case SIGUSR1:
        log_files_reopen(supervisor->groups);
        break;
    case SIGUSR2:
        ask_stacks(supervisor);
        break;
    case SIGCHLD:
        groups_reap(supervisor->groups);
        break;
    default:
        break;
    }
}

static void fill_mask(sigset_t *ret_mask) {
    static const int s_signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigemptyset(ret_mask);
    for (size_t i = 0; i < sizeof s_signals / sizeof s_signals[0]; i++) {
        sigaddset(ret_mask, s_signals[i]);
    }
}

void supervisor_block_signals(sigset_t *ret_before) {
    sigset_t mask;
    fill_mask(&mask);
    sigprocmask(SIG_BLOCK, &mask, ret_before);
}

static int watch_signals(struct supervisor *supervisor, struct error *err) {
    sigset_t mask;
    fill_mask(&mask);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    /* If it were ignored, as inherited, the kernel would reap the workers. */
    sigaction(SIGCHLD, &action, NULL);
    supervisor->signals = (struct loop_source){.ready = signal_ready, .ctx = supervisor};
    supervisor->signals.fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals.fd < 0) {
        return error_set_errno(err, errno, "signalfd");
    }
    return loop_add(supervisor->loop, &supervisor->signals, EPOLLIN, err);
}

/* ---- The groups' hooks ---- */

static void on_gone(void *ctx, struct worker_process *process) {
    struct supervisor *supervisor = ctx;
    status_round_gone(supervisor->round, process);
    reload_command_process_gone(supervisor->reload_commands, process);
    tasks_process_gone(supervisor->tasks, process);
}

static void on_fleet_gone(void *ctx, const struct fleet *fleet) {
    struct supervisor *supervisor = ctx;
    reload_commands_forget(supervisor->reload_commands, fleet);
    prepare_commands_forget(supervisor->prepare_commands, fleet);
}

static void on_serving(void *ctx) {
    (void)ctx;
    notify_send("READY=1");
}

static void on_reloaded(void *ctx, const char *app, enum reload_outcome outcome) {
    (void)ctx;
    service_status_reloaded(app, outcome);
}

static void on_replaced(void *ctx, enum reload_outcome outcome) {
    (void)ctx;
    service_status_replaced(outcome);
}

static void on_may_serve(void *ctx) {
    struct supervisor *supervisor = ctx;
    tasks_try_again(supervisor->tasks);
}

static void on_ended(void *ctx, int exit_status) {
    struct supervisor *supervisor = ctx;
    supervisor->exit_status = exit_status;
    loop_stop(supervisor->loop);
}

/** An application was given up: it is tried again when its files change. */
static void on_given_up(void *ctx, const char *file) {
    struct supervisor *supervisor = ctx;
    struct error err;
    if (retry_watch_add(supervisor->retry_watch, file, &err)) {
        log_line(LOG_WARN, "reload.unavailable", NULL, "%s is not watched: %s", file, err.text);
    }
}

static void on_file_changed(void *ctx, const char *path) {
    struct supervisor *supervisor = ctx;
    char cause[PATH_MAX + 16];
    snprintf(cause, sizeof cause, "changed: %s", path);
    groups_replace_failed(supervisor->groups, cause);
}

static void in_child(void *ctx) {
    struct supervisor *supervisor = ctx;
    loop_close_in_child(supervisor->loop);
    for (struct worker_process *other = groups_next_process(supervisor->groups, NULL); other;
         other = groups_next_process(supervisor->groups, other)) {
        close(other->last_words_fd);
        scoreboard_free(other->board);
    }
    sigprocmask(SIG_SETMASK, &supervisor->options->mask_before, NULL);
}

/** A new configuration is in effect; `before` is freed after this. */
static void on_config_changed(void *ctx, const struct config *before, const struct config *config) {
    struct supervisor *supervisor = ctx;
    struct error err;
    if (log_files_open(config, &err) != 0) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
    if (!text_is_same(before->control, config->control)) {
        supervisor_open_control(supervisor, config);
    }
    if (!text_is_same(before->agent_listen, config->agent_listen)) {
        supervisor_open_agent(supervisor, config);
    }
    if (!text_is_same(before->listen, config->listen)) {
        log_line(LOG_WARN, "host.config", NULL, "a changed \"listen\" needs a restart of the host");
    }
    tasks_configure(supervisor->tasks, config);
}

/* ---- Life ---- */

/** Whoever finds a hole in an application then has the machine. */
static void warn_of_root(const struct config *config) {
    const struct process_config *process;
    if (config_find_root(config, &process)) {
        log_line(LOG_WARN, "host.root", NULL,
                 "started as root: applications run as root, and may do anything on this machine");
    }
}

static void ping_watchdog(void *ctx) {
    struct supervisor *supervisor = ctx;
    notify_send("WATCHDOG=1");
    loop_arm(supervisor->loop, &supervisor->watchdog, notify_watchdog_ms());
}

static void before_sleep(void *ctx) {
    const struct supervisor *supervisor = ctx;
    service_status_look(supervisor->groups, supervisor->drain.is_begun);
}

static void start(struct supervisor *supervisor) {
    groups_start(supervisor->groups);
    loop_set_before_sleep(supervisor->loop, before_sleep, supervisor);
    if (groups_are_asleep(supervisor->groups)) {
        notify_send("READY=1");
    }
}

static int set_up(struct supervisor *supervisor, struct config *config, int listen_fd,
                  struct error *err) {
    const struct groups_hooks hooks = {
        .ctx = supervisor,
        .run_worker = supervisor->options->run_worker,
        .run_template = supervisor->options->run_template,
        .rehearse = supervisor->options->rehearse,
        .python_version = supervisor->options->python_version,
        .message = supervisor_on_message,
        .gone = on_gone,
        .serving = on_serving,
        .may_serve = on_may_serve,
        .reloaded = on_reloaded,
        .replaced = on_replaced,
        .fleet_gone = on_fleet_gone,
        .config_changed = on_config_changed,
        .given_up = on_given_up,
        .ended = on_ended,
        .in_child = in_child,
    };
    supervisor->loop = loop_new(err);
    if (!supervisor->loop || watch_signals(supervisor, err)) {
        return -1;
    }
    drain_init(&supervisor->drain, supervisor->loop, on_drained, supervisor);
    supervisor->round =
        status_round_new(supervisor->loop, supervisor->options->python_version, err);
    supervisor->groups =
        supervisor->round ? groups_new(supervisor->loop, config, listen_fd, &hooks, err) : NULL;
    supervisor->reload_commands =
        supervisor->groups ? reload_commands_new(supervisor->loop, supervisor->groups, err) : NULL;
    supervisor->prepare_commands =
        supervisor->reload_commands
            ? prepare_commands_new(supervisor->loop, supervisor->groups, err)
            : NULL;
    supervisor->tasks =
        supervisor->prepare_commands ? tasks_new(supervisor->loop, supervisor->groups, err) : NULL;
    if (!supervisor->tasks) {
        return -1;
    }
    status_round_set_groups(supervisor->round, supervisor->groups, supervisor->tasks);
    supervisor->retry_watch = retry_watch_new(supervisor->loop, on_file_changed, supervisor, err);
    if (!supervisor->retry_watch) {
        return -1;
    }
    supervisor_open_control(supervisor, config);
    supervisor_open_agent(supervisor, config);
    supervisor->watchdog = (struct loop_timer){.expired = ping_watchdog, .ctx = supervisor};
    if (notify_watchdog_ms() > 0) {
        ping_watchdog(supervisor);
    }
    return 0;
}

static void tear_down(struct supervisor *supervisor) {
    control_free(supervisor->control);
    agent_free(supervisor->agent);
    retry_watch_free(supervisor->retry_watch);
    reload_commands_free(supervisor->reload_commands);
    prepare_commands_free(supervisor->prepare_commands);
    tasks_free(supervisor->tasks);
    groups_free(supervisor->groups);
    status_round_free(supervisor->round);
    if (supervisor->loop && supervisor->signals.fd > 0) {
        loop_remove(supervisor->loop, &supervisor->signals);
        close(supervisor->signals.fd);
    }
    loop_free(supervisor->loop);
}

int supervisor_run(const struct supervisor_options *options) {
    struct supervisor supervisor = {
        .options = options,
        .listener = options->listener,
        .is_spawned = !options->config->listen,
        .exit_status = 1,
    };
    struct error err;
    notify_start();
    warn_of_root(options->config);
    config_open_live(options->config);
    recent_open();
    if (set_up(&supervisor, options->config, options->listener->fd, &err)) {
        log_line(LOG_ERROR, "host.failed", NULL, "%s", err.text);
    } else {
        start(&supervisor);
        tasks_configure(supervisor.tasks, options->config);
        if (loop_run(supervisor.loop, &err)) {
            log_line(LOG_ERROR, "host.failed", NULL, "%s", err.text);
        }
        log_line(LOG_INFO, "host.stopped", NULL, "stopped with status %d", supervisor.exit_status);
    }
    tear_down(&supervisor);
    return supervisor.exit_status;
}
