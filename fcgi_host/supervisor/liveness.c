#include "fcgi_host/supervisor/liveness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/scoreboard.h"

/** How often workers are asked within stuck_timeout_s.  A worker is stuck that has not answered for
 *  so many turns, not for so long: if the supervisor was stopped too, both get time. */
enum { TURNS = 4 };

struct liveness {
    struct seats *seats;
    struct loop_source listening; /* a duplicate; -1: none */
    struct loop_timer turn;
};

/* ---- Reasons to ask ---- */

static bool has_waiting_connections(const struct liveness *liveness) {
    struct pollfd listening = {.fd = liveness->listening.fd, .events = POLLIN};
    return liveness->listening.fd >= 0 && poll(&listening, 1, 0) == 1 &&
           (listening.revents & POLLIN);
}

/** Whether the worker's threads have served since the last call, or do so. */
static bool has_worked(struct worker_process *process) {
    unsigned serving;
    uint64_t work = scoreboard_work(process->board, &serving);
    bool has_changed = work != process->work_seen;
    process->work_seen = work;
    return serving > 0 || has_changed;
}

/* ---- Asking ---- */

/** A worker that has said STOPPED may be in exit functions of applications: it has its deadline. */
static bool is_asked(const struct worker_process *process) {
    return process->state == PROCESS_SERVING ||
           (process->state == PROCESS_DRAINING && !process->has_stopped);
}

/** Another process group may have to accept connections, or need not any more. */
static void tell_silence(const struct worker_process *process) {
    const struct seats_options *options = &process->seat->all->options;
    if (options->accepting) {
        options->accepting(options->ctx);
    }
}

static void ask(struct worker_process *process) {
    if (process->unanswered + 1 == PROCESS_SILENT_TURNS) {
        process->unanswered++;
        tell_silence(process);
    } else if (process->unanswered++ == 0) {
        channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_PING});
    }
}

static bool is_traced(const struct worker_process *process) {
    char path[64], line[256];
    int tracer = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status)) {
        if (sscanf(line, "TracerPid: %d", &tracer) == 1) {
            break;
        }
    }
    if (status) {
        fclose(status);
    }
    return tracer != 0;
}

/** Kill it, and fill its seat at once: a process that waits for a disk may take its time to end. */
static void end_stuck(struct worker_process *process) {
    struct seat *seat = process->seat;
    unsigned timeout_s = seat->all->config->stuck_timeout_s;
    log_line(LOG_ERROR, "worker.stuck", NULL, "worker %d has not answered for %u s: killed",
             (int)process->pid, timeout_s);
    kill(process->pid, SIGKILL);
    if (process == seat->current) {
        seat->current = NULL;
        if (!seat->all->is_closed) {
            loop_arm(seat->all->options.loop, &seat->refill, 0);
        }
    }
}

/** Ask the workers, or end those that have been asked in vain. @return whether there is reason to
 *  ask again */
static bool take_turn(struct liveness *liveness) {
    bool has_reason = has_waiting_connections(liveness);
    for (struct worker_process *process = liveness->seats->processes; process;
         process = process->next) {
        if (!is_asked(process)) {
            continue;
        }
        if (process->unanswered == TURNS && is_traced(process)) {
            process->unanswered = 1; /* until it is let go */
        }
        if (process->unanswered == TURNS) {
            process->unanswered++; /* once */
            end_stuck(process);
        } else if (process->unanswered < TURNS) {
            has_reason |= has_worked(process) || process->unanswered > 0;
        }
    }
    return has_reason;
}

static void ask_all(struct liveness *liveness) {
    struct seats *seats = liveness->seats;
    for (struct worker_process *process = seats->processes; process; process = process->next) {
        if (is_asked(process) && process->unanswered < TURNS) {
            ask(process);
        }
    }
    uint64_t turn_ms = (uint64_t)seats->config->stuck_timeout_s * 1000 / TURNS;
    loop_arm(seats->options.loop, &liveness->turn, turn_ms);
}

static void watch_listening(struct liveness *liveness) {
    if (liveness->listening.fd >= 0) {
        loop_change(liveness->seats->options.loop, &liveness->listening, EPOLLIN | EPOLLONESHOT,
                    NULL);
    }
}

static void next_turn(void *ctx) {
    struct liveness *liveness = ctx;
    if (liveness->seats->config->stuck_timeout_s == 0) {
        return;
    }
    if (take_turn(liveness)) {
        ask_all(liveness);
    } else {
        watch_listening(liveness);
    }
}

/* A connection has come: reported once, until it is watched again. */
static void connection_came(void *ctx, uint32_t events) {
    (void)events;
    liveness_suspect(ctx);
}

void liveness_suspect(struct liveness *liveness) {
    if (!liveness->turn.is_armed && liveness->seats->config->stuck_timeout_s > 0) {
        ask_all(liveness);
    }
}

void liveness_answered(struct worker_process *process) {
    bool was_silent = process->unanswered >= PROCESS_SILENT_TURNS;
    process->unanswered = 0;
    if (was_silent) {
        tell_silence(process);
    }
}

/* ---- Life ---- */

struct liveness *liveness_new(struct seats *seats, int listen_fd, struct error *err) {
    struct liveness *liveness = calloc(1, sizeof *liveness);
    if (!liveness) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    liveness->seats = seats;
    liveness->turn = (struct loop_timer){.expired = next_turn, .ctx = liveness};
    /* A duplicate: in a worker the loop's descriptors are closed. */
    int fd = listen_fd < 0 ? -1 : fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);
    liveness->listening = (struct loop_source){.fd = fd, .ready = connection_came, .ctx = liveness};
    if (fd >= 0 &&
        loop_add(seats->options.loop, &liveness->listening, EPOLLIN | EPOLLONESHOT, NULL)) {
        close(fd);
        liveness->listening.fd = -1;
    }
    return liveness;
}

void liveness_close_listening(struct liveness *liveness) {
    if (liveness->listening.fd >= 0) {
        loop_remove(liveness->seats->options.loop, &liveness->listening);
        close(liveness->listening.fd);
        liveness->listening.fd = -1;
    }
}

void liveness_free(struct liveness *liveness) {
    if (liveness) {
        loop_disarm(liveness->seats->options.loop, &liveness->turn);
        liveness_close_listening(liveness);
        free(liveness);
    }
}
