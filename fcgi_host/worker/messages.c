#include "fcgi_host/worker/messages.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/exec.h"
#include "fcgi_host/worker/live_pages.h"
#include "fcgi_host/worker/moving.h"
#include "fcgi_host/worker/orphan.h"
#include "fcgi_host/worker/profile.h"
#include "fcgi_host/worker/status_part.h"
#include "fcgi_host/worker/task.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/pool.h"

static void send_status_part(struct worker *worker, uint64_t number) {
    struct error err;
    const struct status_part part = {
        .board = worker->start->board,
        .pool = worker->pool,
        .applications = &worker->applications,
        .away = &worker->away,
        .placement = worker->start->placement,
        .preloaded = &worker->start->preloaded,
        .recycle = worker->loader.recycle,
        .intake = worker->intake,
        .is_stopping = worker->stopping.is_begun,
    };
    char *text = status_part_write(&part);
    int fd = text ? channel_make_file(text, strlen(text), &err) : -1;
    if (fd >= 0) {
        channel_send(
            worker->supervisor.fd,
            &(struct channel_outgoing){.type = CHANNEL_STATUS_REPLY, .number = number, .fd = &fd},
            NULL);
        close(fd);
    }
    free(text); /* without an answer the supervisor waits a second and leaves this part out */
}

static void reload_by_hand(struct worker *worker, const struct channel_message *message) {
    live_pages_expect(&worker->applications, message->text);
    if (worker->loader.recycle) {
        recycle_by_hand(worker->loader.recycle, message->number, message->text);
    } else {
        channel_tell(
            &worker->supervisor,
            &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                       .number = message->number,
                                       .name = reload_outcome_name(RELOAD_OUTCOME_NEEDS_WORKER)});
    }
}

/** Accept connections, unless another worker or another process group does. */
static void update_accepting(const struct worker *worker) {
    if (worker->intake && !worker->stopping.is_begun) {
        intake_pause_accepting(worker->intake, worker->is_paused || worker->leaves_accepting);
    }
}

/** There is no other worker after all: what waits for one is answered. */
static void resume_accepting(struct worker *worker) {
    handover_give_up(&worker->handover);
    if (worker->intake && !worker->stopping.is_begun) {
        handover_give_requests(&worker->handover, worker->pool);
    }
    worker->is_paused = false;
    update_accepting(worker);
}

static void stop(struct worker *worker, const struct channel_message *message) {
    bool is_first = !worker->stopping.is_begun;
    bool is_last = strcmp(message->name, CHANNEL_STOP_LAST) == 0;
    bool is_leaving = strcmp(message->name, CHANNEL_STOP_LEAVING) == 0;
    if (message->fd < 0 || is_leaving) { /* nobody comes who serves the same */
        handover_give_up(&worker->handover);
        withheld_end(&worker->withheld);
    }
    live_streams_close(&worker->live_streams);
    if (is_first) {
        recycle_dismiss(worker->loader.recycle);
        libraries_stop(&worker->libraries, worker_first_application(worker));
    }
    if (is_first && is_leaving) { /* those that were accepted are served here */
        handover_give_requests(&worker->handover, worker->pool);
    }
    if (message->fd >= 0) {
        handover_set_successor(&worker->handover, message->fd);
    }
    if (is_first && !is_leaving) {
        handover_give_requests(&worker->handover, worker->pool);
    }
    if (is_last || is_leaving) {
        away_hold(&worker->away);
    } else {
        away_leave(&worker->away);
    }
    stopping_begin(&worker->stopping, message->number, is_last);
    withheld_go_on(&worker->withheld);
}

/** The outcome of a replacement: this worker is the new one, or the old one that was kept. */
static void note_replacement(struct worker *worker, const struct channel_message *message) {
    struct reload_ending ending;
    reload_ending_parse(message->text, &ending);
    ending.total_ms = (double)message->number;
    ending.at_s = time(NULL);
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        application_set_reload(worker->applications.apps[i], &ending);
    }
    if (ending.outcome == RELOAD_OUTCOME_KEPT) {
        live_pages_show_failures(&worker->applications);
        limits_replacement_kept(worker->limits);
        resume_accepting(worker);
    }
}

/** A connection that is open may bring a request, so that it keeps the worker. */
static void tell_nothing_left(const struct worker *worker) {
    struct intake_stats stats = {.connections_open = 1};
    if (worker->intake) { /* else it has not begun */
        intake_stats(worker->intake, &stats);
    }
    if (stats.connections_open == 0 && !worker->stopping.is_begun) {
        channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_NOTHING_LEFT});
    }
}

static void note_needs_restart(struct worker *worker, const char *name) {
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        struct application *application = worker->applications.apps[i];
        if (strcmp(application->config->name, name) == 0) {
            atomic_store(&application->needs_restart, true);
        }
    }
}

static void reopen_log(const struct channel_message *message) {
    struct error err;
    struct log_target *target = log_target_find(message->name);
    if (!target) {
        close(message->fd);
    } else if (log_target_use(target, message->fd, &err) != 0) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
}

/** Do what a message asks, of those that bring a descriptor along. @return whether it was one */
static bool take_descriptor(struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_STOP:
        stop(worker, message);
        return true;
    case CHANNEL_ADOPT:
        handover_adopt(&worker->handover, message->fd);
        return true;
    case CHANNEL_EXEC:
        exec_begin(&worker->applications, message);
        return true;
    case CHANNEL_TASK:
        task_begin(&worker->applications, &worker->supervisor, message);
        return true;
    case CHANNEL_PROFILE:
        profile_begin(worker->start->board, message);
        return true;
    case CHANNEL_STATUS_WHOLE:
    case CHANNEL_READY:
        status_requests_take(&worker->status_requests, message);
        return true;
    case CHANNEL_HOME:
        moving_take_home(worker, message);
        return true;
    case CHANNEL_MODULES:
        predecessor_tell(&worker->applications, message->fd);
        return true;
    case CHANNEL_LOG_REOPEN:
        reopen_log(message);
        return true;
    default:
        return false;
    }
}

/** @return whether the message was about the reloads in this process */
static bool obey_for_reloads(const struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_HOLD_EDITS:
        recycle_hold_edits(worker->loader.recycle, (unsigned)message->number);
        return true;
    case CHANNEL_MEMORY_SHORT:
        recycle_memory_is_short(worker->loader.recycle);
        return true;
    default:
        return false;
    }
}

static void obey_message(struct worker *worker, const struct channel_message *message) {
    if (take_descriptor(worker, message) || obey_for_reloads(worker, message)) {
        return;
    }
    switch (message->type) {
    case CHANNEL_ACCEPT:
        worker->has_accept = true;
        libraries_tell(&worker->libraries, worker_first_application(worker));
        break;
    case CHANNEL_PAUSE:
        worker->is_paused = true;
        update_accepting(worker);
        break;
    case CHANNEL_LISTEN:
        worker->leaves_accepting = message->number == 0;
        update_accepting(worker);
        break;
    case CHANNEL_STATUS:
        send_status_part(worker, message->number);
        break;
    case CHANNEL_RELOAD:
        reload_by_hand(worker, message);
        break;
    case CHANNEL_REPLACED:
        note_replacement(worker, message);
        break;
    case CHANNEL_PING:
        channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_PONG});
        break;
    case CHANNEL_SLOW_DOWN:
        slowdown_set(worker->start->slowdown, message->name, message->number);
        applications_slow_down(&worker->applications, message->name, message->number);
        break;
    case CHANNEL_STAYS:
        live_pages_show_failures(&worker->applications);
        withheld_end_move(&worker->applications, message->name);
        withheld_go_on(&worker->withheld);
        break;
    case CHANNEL_NO_MORE:
        away_close(&worker->away);
        break;
    case CHANNEL_MAY_END:
        tell_nothing_left(worker);
        break;
    case CHANNEL_NEEDS_RESTART:
        note_needs_restart(worker, message->name);
        break;
    case CHANNEL_STACKS:
        limits_log_stacks(worker->limits);
        break;
    default:
        break;
    }
    if (message->fd >= 0) {
        close(message->fd);
    }
}

/* A descriptor that is kept for messages: without a free one, what goes along with a message is
 * lost, and an application may have taken all. -1: there is none */
static int s_reserve = -1;

static int receive(const struct worker *worker, struct channel_message *ret_message,
                   struct error *err) {
    if (s_reserve >= 0) {
        close(s_reserve);
        s_reserve = -1;
    }
    return channel_receive(worker->supervisor.fd, ret_message, err);
}

static void keep_reserve(void) {
    if (s_reserve < 0) {
        s_reserve = open("/dev/null", O_RDONLY | O_CLOEXEC); /* if it fails, it is tried again */
    }
}

void messages_read(struct worker *worker) {
    struct channel_message message;
    struct error err;
    while (receive(worker, &message, &err) == 0) {
        obey_message(worker, &message);
        keep_reserve();
    }
    if (err.code != ERR_BUSY) {
        orphan_end();
    }
    keep_reserve();
}
