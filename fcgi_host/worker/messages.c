#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/worker/status_part.h"
#include "fcgi_host/worker/worker_internal.h"

/** Our part of the status. */
static void send_status(struct worker *worker, uint64_t number) {
    struct error err;
    char *text = status_worker_part(worker);
    int fd = text ? channel_make_file(text, strlen(text), &err) : -1;
    if (fd >= 0) {
        channel_send(
            worker->supervisor.fd,
            &(struct channel_outgoing){.type = CHANNEL_STATUS_REPLY, .number = number, .fd = &fd},
            NULL);
        close(fd);
    }
    free(text); /* on an error the supervisor waits its second, and goes without */
}

static void take_whole_status(struct worker *worker, const struct channel_message *message) {
    size_t bytes = 0;
    char *text = message->fd >= 0 ? channel_take_file(message->fd, &bytes, NULL) : NULL;
    worker_status_answer(worker, message->number, text, bytes);
    free(text);
}

static void reload(struct worker *worker, const struct channel_message *message) {
    if (worker->reloader) {
        worker->reloader->reload(worker->reloader->ctx, message->number, message->text);
    } else {
        channel_tell(
            &worker->supervisor,
            &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                       .number = message->number,
                                       .name = reload_outcome_name(RELOAD_OUTCOME_NEEDS_WORKER)});
    }
}

/** How the replacement ended by which we came, or that we survived. */
static void note_replacement(struct worker *worker, const struct channel_message *message) {
    struct application_reload outcome = {
        .outcome = reload_outcome_parse(message->name),
        .total_ms = (double)message->number,
        .at_s = time(NULL),
    };
    snprintf(outcome.cause, sizeof outcome.cause, "%s", message->text);
    for (size_t i = 0; i < worker->application_count; i++) {
        application_set_reload(worker->applications[i], &outcome);
    }
    if (outcome.outcome == RELOAD_OUTCOME_KEPT) {
        limits_replacement_kept(worker->limits);
    }
}

static void reopen_log(void) {
    struct error err;
    if (log_reopen(&err)) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
}

static void handle(struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_ACCEPT:
        worker->has_accept = true;
        break;
    case CHANNEL_STOP:
        if (message->fd >= 0 && worker->heir_fd < 0) {
            worker->heir_fd = message->fd;
            worker_stop(worker, message->number, false);
            return; /* the descriptor is kept */
        }
        worker_stop(worker, message->number, strcmp(message->name, CHANNEL_STOP_LAST) == 0);
        break;
    case CHANNEL_ADOPT:
        worker_adopt_from(worker, message->fd);
        return; /* the descriptor is kept */
    case CHANNEL_STATUS:
        send_status(worker, message->number);
        break;
    case CHANNEL_STATUS_WHOLE:
        take_whole_status(worker, message);
        return; /* the descriptor has been closed */
    case CHANNEL_RELOAD:
        reload(worker, message);
        break;
    case CHANNEL_REPLACED:
        note_replacement(worker, message);
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

void worker_read_channel(struct worker *worker) {
    struct channel_message message;
    struct error err;
    for (;;) {
        if (channel_receive(worker->supervisor.fd, &message, &err) == 0) {
            handle(worker, &message);
        } else if (err.code == ERR_BUSY) {
            return;
        } else {
            _exit(1); /* the supervisor is gone, and with it the reason to be */
        }
    }
}
