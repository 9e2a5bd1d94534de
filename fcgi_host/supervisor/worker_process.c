#include "fcgi_host/supervisor/worker_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/config/view.h"
#include "fcgi_host/link/balance.h"
#include "fcgi_host/link/worker_order.h"
#include "fcgi_host/supervisor/log_files.h"
#include "fcgi_host/supervisor/worker_setting.h"

static void close_if_open(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

/** SIGKILL: a spawner that killed the supervisor expects its workers to be gone. */
static void die_with(pid_t supervisor) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != supervisor) {
        _exit(1);
    }
}

/** Become what the configuration says, while the log can still be opened as the supervisor may. */
static int take_on_setting(const struct worker_process_start *start, struct error *err) {
    const struct config *config = start->config;
    if (start->is_candidate && log_files_open(config, err) != 0) {
        return -1;
    }
    if (worker_setting_apply(config, err) != 0) {
        return error_prefix(err, "process %s", start->neighbourhood.process);
    }
    return 0;
}

void worker_process_enter(const struct worker_process_start *start, pid_t supervisor) {
    struct error err;
    start->in_child(start->ctx);
    die_with(supervisor);
    if (take_on_setting(start, &err) != 0) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        log_stream_flush();
        _exit(1);
    }
    die_with(supervisor); /* a change of the user undoes it */
}

void worker_process_describe(const struct worker_process_start *start,
                             struct worker_start *ret_start) {
    *ret_start = (struct worker_start){
        .config = start->config,
        .neighbourhood = start->neighbourhood,
        .placement = start->placement,
        .slowdown = start->slowdown,
        .lifeline = start->lifeline,
        .listen_fd = -1,
        .channel_fd = -1,
        .modules_fd = -1,
        .last_words_fd = -1,
        .is_one_of_many = start->is_one_of_many,
        .makes_no_spares = start->makes_no_spares,
        .balance = start->balance,
        .balance_member = -1,
        .preloaded.why = start->cold_why ? start->cold_why : "",
    };
}

/** In the child. Never returns. */
static void be_worker(const struct worker_process_start *start, struct worker_process *process,
                      int channel_fd, pid_t supervisor) {
    struct worker_start worker;
    close(process->channel.fd);
    worker_process_enter(start, supervisor);
    worker_process_describe(start, &worker);
    worker.listen_fd = start->listen_fd;
    worker.channel_fd = channel_fd;
    worker.modules_fd = start->modules_fd;
    worker.board = process->board;
    worker.last_words_fd = process->last_words_fd;
    worker.balance = process->balance;
    worker.balance_member = process->balance_member;
    int status = start->run_worker(&worker);
    log_stream_flush();
    _exit(status);
}

size_t worker_process_home_count(const struct worker_process_start *start) {
    return config_site(start->config)->app_count + 1; /* one for the scripts: homes.h */
}

/** @return the new worker's process id; -1: it is to be forked here, since `err` */
static pid_t fork_from_template(const struct worker_process_start *start,
                                const struct worker_process *process, int channel_fd, int board_fd,
                                struct error *err) {
    const struct worker_order order = {
        .channel_fd = channel_fd,
        .last_words_fd = process->last_words_fd,
        .board_fd = board_fd,
        .listen_fd = start->listen_fd,
        .modules_fd = start->modules_fd,
        .log_fd = -1,
        .balance_member = process->balance ? process->balance_member : -1,
        .neighbourhood = start->neighbourhood,
        .home_count = start->neighbourhood.homes ? worker_process_home_count(start) : 0,
    };
    return start->fork_from(start->template, &order, err);
}

/** @param board_fd  of process->board; -1: no template is to read it
 *  @return 0, or -1: ERR_SYSTEM */
static int fork_worker(const struct worker_process_start *given, struct worker_process *process,
                       int channel_fd, int board_fd, struct error *err) {
    struct worker_process_start start = *given;
    pid_t supervisor = getpid();
    if (board_fd >= 0) {
        process->pid = fork_from_template(&start, process, channel_fd, board_fd, err);
        process->is_warm = process->pid > 0;
        if (process->is_warm) {
            return 0;
        }
        start.cold_why = err->text;
    }
    process->pid = fork();
    if (process->pid < 0) {
        return error_set_errno(err, errno, "fork");
    }
    if (process->pid == 0) {
        close_if_open(board_fd);
        be_worker(&start, process, channel_fd, supervisor);
    }
    return 0;
}

struct worker_process *worker_process_start(const struct worker_process_start *start,
                                            struct error *err) {
    int channel[2] = {-1, -1}, board_fd = -1;
    struct worker_process *process = calloc(1, sizeof *process);
    if (!process) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    process->channel.fd = -1;
    if (config_add_log_targets(start->config, &process->logs) != 0) {
        error_set(err, ERR_MEMORY, "out of memory");
        string_list_clear(&process->logs);
        free(process);
        return NULL;
    }
    process->last_words_fd = memfd_create("fcgi_host-last-words", MFD_CLOEXEC);
    if (process->last_words_fd < 0) {
        error_set_errno(err, errno, "memfd_create");
        goto fail;
    }
    process->board = start->template ? scoreboard_new_file(&board_fd, err) : scoreboard_new(err);
    if (!process->board || channel_pair(channel, err)) {
        goto fail;
    }
    process->balance_member = start->balance ? balance_join(start->balance) : -1;
    process->balance = process->balance_member < 0 ? NULL : start->balance;
    process->channel.fd = channel[0];
    if (fork_worker(start, process, channel[1], board_fd, err) != 0) {
        goto fail;
    }
    process->end = (struct channel_end){.fd = channel[0], .worker = process->pid};
    close(channel[1]);
    close_if_open(board_fd);
    return process;
fail:
    close_if_open(channel[1]);
    close_if_open(board_fd);
    worker_process_free(process);
    return NULL;
}

void worker_process_free(struct worker_process *process) {
    if (!process) {
        return;
    }
    close_if_open(process->channel.fd);
    close_if_open(process->last_words_fd);
    if (process->balance) {
        balance_leave(process->balance, process->balance_member);
    }
    scoreboard_free(process->board);
    string_list_clear(&process->failed);
    string_list_clear(&process->failures);
    string_list_clear(&process->loaded);
    string_list_clear(&process->logs);
    free(process);
}

void process_move_failed(struct worker_process *from, struct worker_process *to) {
    string_list_clear(&to->failed);
    to->failed = from->failed;
    from->failed = (struct string_list){0};
}

static void forget(struct string_list *list, const char *app) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], app) == 0) {
            free(list->items[i]);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

void worker_process_add_failed(struct worker_process *process, const char *app, const char *why) {
    const char *line;
    char *failure = NULL;
    size_t bytes = text_last_line(why ? why : "", &line);
    forget(&process->loaded, app);
    /* Out of memory: the application counts as one that this worker has loaded. */
    (void)string_list_add(&process->failed, strdup(app));
    if (bytes > 0 && asprintf(&failure, "%s\n%.*s", app, (int)bytes, line) > 0) {
        (void)string_list_add(&process->failures, failure);
    }
}

const char *worker_process_failure(const struct worker_process *process, const char *app) {
    size_t length = strlen(app);
    for (size_t i = process->failures.count; i > 0; i--) { /* the last one, if there are more */
        const char *failure = process->failures.items[i - 1];
        if (strncmp(failure, app, length) == 0 && failure[length] == '\n') {
            return failure + length + 1;
        }
    }
    return "";
}

void worker_process_add_loaded(struct worker_process *process, const char *app) {
    forget(&process->failed, app);
    forget(&process->loaded, app);
    if (app[0] != '/') {
        /* Out of memory: it counts as one that loads. */
        (void)string_list_add(&process->loaded, strdup(app));
    }
}

bool worker_process_has_failed(const struct worker_process *process, const char *app) {
    return string_list_has(&process->failed, app);
}

bool worker_process_has_loaded(const struct worker_process *process, const char *app) {
    return string_list_has(&process->loaded, app);
}
