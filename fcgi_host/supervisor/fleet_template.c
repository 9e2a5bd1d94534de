/* The template of a fleet: what its workers tell, and when one may be made. */
#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/fleet_internal.h"

/** A template is made when so much of a core is free, or when it never is. */
#define LEAST_FREE_CORES 0.5
enum { MOST_BUSY_LOOKS = 8 };

static bool has_loading(const struct fleet *fleet) {
    const struct worker_process *process = fleet->seats->processes;
    while (process && process->state != PROCESS_LOADING) {
        process = process->next;
    }
    return process != NULL;
}

static bool is_quiet(void *ctx) {
    struct fleet *fleet = ctx;
    if (has_loading(fleet) || replacement_is_under_way(fleet->replacements)) {
        return false;
    }
    if (fleet->waits_for_template) {
        return true;
    }
    bool is_busy = cpu_free_cores(&fleet->cpu_for_template) < LEAST_FREE_CORES;
    if (is_busy && ++fleet->busy_looks < MOST_BUSY_LOOKS) {
        return false;
    }
    fleet->busy_looks = 0;
    return true;
}

static bool has_room(void *ctx) {
    const struct worker_process *process = fleet_find_serving(ctx);
    return !process || seat_has_room_for(process);
}

static bool is_awaited(void *ctx) {
    const struct fleet *fleet = ctx;
    return fleet->waits_for_template;
}

static void settled(void *ctx) {
    struct fleet *fleet = ctx;
    bool was_awaited = fleet->waits_for_template;
    fleet->waits_for_template = false;
    if (!was_awaited || fleet->seats->is_closed) {
        return;
    }
    if (fleet->seats->count == 0 && fleet->wanted > 0) { /* none has been started */
        fleet->seats->count = 1;
        seat_fill(&fleet->seats->items[0]);
    } else {
        fleet_resize(fleet);
    }
}

bool fleet_template_is_awaited(const struct fleet *fleet) {
    return fleet->waits_for_template && fleet->template && template_is_coming(fleet->template);
}

void fleet_template_wait_no_more(struct fleet *fleet) {
    settled(fleet);
}

int fleet_template_init(struct fleet *fleet, struct error *err) {
    const struct template_options options = {
        .loop = fleet->loop,
        .name = fleet->name,
        .seats = fleet->seats,
        .run = fleet->hooks.run_template,
        .is_quiet = is_quiet,
        .has_room = has_room,
        .is_awaited = is_awaited,
        .settled = settled,
        .ctx = fleet,
    };
    fleet->template = fleet->seats->template = template_new(&options, err);
    return fleet->template ? 0 : -1;
}

void fleet_template_end(struct fleet *fleet) {
    template_free(fleet->template);
    fleet->template = NULL;
    if (fleet->seats) {
        fleet->seats->template = NULL;
    }
}

void fleet_template_loaded(struct fleet *fleet, const struct worker_process *process) {
    if (fleet->template && process->failed.count > 0 && !process->is_warm) {
        template_worker_failed(fleet->template);
    } else if (fleet->template && process == process->seat->current && process->is_loaded &&
               !process->is_refused && process->failed.count == 0 && !fleet->seats->is_closed) {
        template_worker_loaded(fleet->template, process->is_warm);
    }
}

void fleet_template_learn(struct fleet *fleet, const struct channel_message *message) {
    struct error err;
    size_t size;
    char *bytes = message->fd >= 0 ? channel_take_file(message->fd, &size, &err) : NULL;
    if (bytes && fleet->template) {
        template_learn(fleet->template, bytes, size);
    } else {
        free(bytes);
    }
}

void fleet_template_misfit(struct fleet *fleet, struct worker_process *process,
                           const struct channel_message *message) {
    const char *why = message->text;
    if (!process->is_warm || process->state == PROCESS_DOOMED) {
        if (message->fd >= 0) {
            close(message->fd);
        }
        return;
    }
    log_line(LOG_INFO, "template.unused", NULL, "process %s: worker %d starts again without it: %s",
             fleet->name, (int)process->pid, why);
    if (fleet->template) {
        template_misfit(fleet->template, why, message->fd);
    } else if (message->fd >= 0) {
        close(message->fd);
    }
    seat_kill(process); /* another takes its place when it has ended */
}

struct template *fleet_template(const struct fleet *fleet) {
    return fleet->template;
}
