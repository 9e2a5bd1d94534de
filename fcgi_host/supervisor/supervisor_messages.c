/* What workers say that concerns the host as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/readiness.h"
#include "fcgi_host/supervisor/recent.h"
#include "fcgi_host/supervisor/supervisor_internal.h"

/** A worker's status page wants the whole document. */
static void answer_worker(void *ctx, uint64_t number, const char *text, size_t bytes) {
    struct worker_process *process = ctx;
    struct error err;
    int fd = channel_make_file(text, bytes, &err);
    if (fd < 0) {
        log_line(LOG_WARN, "status.failed", NULL, "%s", err.text);
    }
    channel_tell(&process->end, &(struct channel_outgoing){
                                    .type = CHANNEL_STATUS_WHOLE, .number = number, .fd = &fd});
    if (fd >= 0) {
        close(fd);
    }
}

static void take_status_part(struct supervisor *supervisor, struct worker_process *process,
                             const struct channel_message *message) {
    struct error err;
    size_t bytes;
    char *text = message->fd >= 0 ? channel_take_file(message->fd, &bytes, &err) : NULL;
    if (text) {
        status_round_part(supervisor->round, process, message->number, text);
    }
}

static void answer_ready(struct supervisor *supervisor, struct worker_process *process,
                         const struct channel_message *message) {
    char why[512], status[8];
    snprintf(status, sizeof status, "%d",
             readiness_of(supervisor->groups, supervisor->drain.is_begun, message->name, why,
                          sizeof why));
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_READY,
                                                           .number = message->number,
                                                           .name = status,
                                                           .text = why});
}

void supervisor_on_message(void *ctx, struct worker_process *process,
                           const struct channel_message *message) {
    struct supervisor *supervisor = ctx;
    switch (message->type) {
    case CHANNEL_STATUS_REPLY:
        take_status_part(supervisor, process, message);
        return; /* the descriptor has been closed */
    case CHANNEL_STATUS_ASK:
        status_round_ask(supervisor->round, answer_worker, process, message->number);
        break;
    case CHANNEL_READY_ASK:
        answer_ready(supervisor, process, message);
        break;
    case CHANNEL_STEP:
        recent_step(supervisor->groups);
        break;
    case CHANNEL_RELOADED:
        reload_command_answered(supervisor->reload_commands, process, message);
        break;
    case CHANNEL_TASK_ENDED:
        tasks_ended(supervisor->tasks, process, message);
        break;
    default:
        break;
    }
    if (message->fd >= 0) {
        close(message->fd);
    }
}
