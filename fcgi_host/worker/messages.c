#include "fcgi_host/worker/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/orphan.h"
#include "fcgi_host/worker/status_part.h"
#include "fcgi_host/worker/worker_internal.h"

static void send_status_part(struct worker *worker, uint64_t number) {
    struct error err;
    const struct status_part part = {
        .board = worker->start->board,
        .pool = worker->pool,
        .applications = &worker->applications,
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

static void take_whole_status(struct worker *worker, const struct channel_message *message) {
    size_t bytes = 0;
    char *text = message->fd >= 0 ? channel_take_file(message->fd, &bytes, NULL) : NULL;
    status_requests_answer(&worker->status_requests, message->number, text, bytes);
    free(text);
}

static void reload_by_hand(struct worker *worker, const struct channel_message *message) {
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

/** There is no other worker after all: what waits for one is answered. */
static void resume_accepting(struct worker *worker) {
    if (worker->intake && !worker->stopping.is_begun) {
        handover_give_requests(&worker->handover, worker->pool);
        intake_pause_accepting(worker->intake, false);
    }
}

static void stop(struct worker *worker, const struct channel_message *message) {
    bool is_first = !worker->stopping.is_begun;
    if (message->fd >= 0) {
        handover_set_successor(&worker->handover, message->fd);
    }
    if (is_first) {
        recycle_dismiss(worker->loader.recycle);
        handover_give_requests(&worker->handover, worker->pool);
    }
    stopping_begin(&worker->stopping, message->number,
                   strcmp(message->name, CHANNEL_STOP_LAST) == 0);
}

/** The outcome of a replacement: this worker is the new one, or the old one that was kept. */
static void note_replacement(struct worker *worker, const struct channel_message *message) {
    struct application_reload outcome = {
        .outcome = reload_outcome_parse(message->name),
        .total_ms = (double)message->number,
        .at_s = time(NULL),
    };
    snprintf(outcome.cause, sizeof outcome.cause, "%s", message->text);
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        application_set_reload(worker->applications.apps[i], &outcome);
    }
    if (outcome.outcome == RELOAD_OUTCOME_KEPT) {
        limits_replacement_kept(worker->limits);
        resume_accepting(worker);
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

static void reopen_log(void) {
    struct error err;
    if (log_reopen(&err)) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
}

static void obey_message(struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_ACCEPT:
        worker->has_accept = true;
        break;
    case CHANNEL_STOP:
        stop(worker, message);
        return; /* the descriptor is kept */
    case CHANNEL_ADOPT:
        handover_adopt(&worker->handover, message->fd);
        return; /* the descriptor is kept */
    case CHANNEL_PAUSE:
        if (worker->intake) {
            intake_pause_accepting(worker->intake, true);
        }
        break;
    case CHANNEL_STATUS:
        send_status_part(worker, message->number);
        break;
    case CHANNEL_STATUS_WHOLE:
        take_whole_status(worker, message);
        return; /* the descriptor has been closed */
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
    case CHANNEL_NEEDS_RESTART:
        note_needs_restart(worker, message->name);
        break;
    case CHANNEL_LOG_REOPEN:
        reopen_log();
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

void messages_read(struct worker *worker) {
    struct channel_message message;
    struct error err;
    for (;;) {
        if (channel_receive(worker->supervisor.fd, &message, &err) == 0) {
            obey_message(worker, &message);
        } else if (err.code == ERR_BUSY) {
            return;
        } else {
            orphan_end();
        }
    }
}
