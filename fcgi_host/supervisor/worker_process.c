#include "fcgi_host/supervisor/worker_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/link/balance.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/supervisor/worker_setting.h"

/** SIGKILL: a spawner that killed the supervisor expects its workers to be gone. */
static void die_with(pid_t supervisor) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != supervisor) {
        _exit(1);
    }
}

/** Become what the configuration says, while the log can still be opened as the supervisor may. */
static int take_on_setting(const struct worker_process_start *start, struct error *err) {
    const struct config *config = start->config;
    if (start->is_candidate && log_open(config->log, config->log_level, err) != 0) {
        return -1;
    }
    if (worker_setting_apply(config, err) != 0) {
        return error_prefix(err, "process %s", start->neighbourhood.process);
    }
    return 0;
}

/** In the child. Never returns. */
static void be_worker(const struct worker_process_start *start, struct worker_process *process,
                      int channel_fd, pid_t supervisor) {
    struct error err;
    start->in_child(start->ctx);
    close(process->channel.fd);
    die_with(supervisor);
    if (take_on_setting(start, &err) != 0) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        log_stream_flush();
        _exit(1);
    }
    die_with(supervisor); /* a change of the user undoes it */
    const struct worker_start worker = {
        .config = start->config,
        .neighbourhood = start->neighbourhood,
        .placement = start->placement,
        .slowdown = start->slowdown,
        .lifeline = start->lifeline,
        .listen_fd = start->listen_fd,
        .channel_fd = channel_fd,
        .modules_fd = start->modules_fd,
        .board = process->board,
        .last_words_fd = process->last_words_fd,
        .is_one_of_many = start->is_one_of_many,
        .balance = process->balance,
        .balance_member = process->balance_member,
    };
    int status = start->run_worker(&worker);
    log_stream_flush();
    _exit(status);
}

struct worker_process *worker_process_start(const struct worker_process_start *start,
                                            struct error *err) {
    int channel[2] = {-1, -1};
    pid_t supervisor = getpid();
    struct worker_process *process = calloc(1, sizeof *process);
    if (!process) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    process->channel.fd = -1;
    process->log = strdup(start->config->log);
    if (!process->log) {
        error_set(err, ERR_MEMORY, "out of memory");
        free(process);
        return NULL;
    }
    process->last_words_fd = memfd_create("fcgi_host-last-words", MFD_CLOEXEC);
    if (process->last_words_fd < 0) {
        error_set_errno(err, errno, "memfd_create");
        goto fail;
    }
    process->board = scoreboard_new(err);
    if (!process->board || channel_pair(channel, err)) {
        goto fail;
    }
    process->balance_member = start->balance ? balance_join(start->balance) : -1;
    process->balance = process->balance_member < 0 ? NULL : start->balance;
    process->channel.fd = channel[0];
    process->pid = fork();
    if (process->pid < 0) {
        error_set_errno(err, errno, "fork");
        goto fail;
    }
    if (process->pid == 0) {
        be_worker(start, process, channel[1], supervisor);
    }
    process->end = (struct channel_end){.fd = channel[0], .worker = process->pid};
    close(channel[1]);
    return process;
fail:
    if (channel[1] >= 0) {
        close(channel[1]);
    }
    worker_process_free(process);
    return NULL;
}

void worker_process_free(struct worker_process *process) {
    if (!process) {
        return;
    }
    if (process->channel.fd >= 0) {
        close(process->channel.fd);
    }
    if (process->last_words_fd >= 0) {
        close(process->last_words_fd);
    }
    if (process->balance) {
        balance_leave(process->balance, process->balance_member);
    }
    scoreboard_free(process->board);
    string_list_clear(&process->failed);
    free(process->log);
    free(process);
}

void process_move_failed(struct worker_process *from, struct worker_process *to) {
    string_list_clear(&to->failed);
    to->failed = from->failed;
    from->failed = (struct string_list){0};
}

void worker_process_add_failed(struct worker_process *process, const char *app) {
    /* Out of memory: the application counts as one that this worker has loaded. */
    (void)string_list_add(&process->failed, strdup(app));
}

bool worker_process_has_failed(const struct worker_process *process, const char *app) {
    return string_list_has(&process->failed, app);
}
