#include "fcgi_host/supervisor/status_round.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/history.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/status/document.h"
#include "fcgi_host/supervisor/recent.h"
#include "fcgi_host/supervisor/reload_counts.h"
#include "fcgi_host/supervisor/tasks.h"
#include "pool/base/clock.h"

/** A worker's intake thread never blocks: a worker that has not answered by then is stuck. */
enum { ANSWER_TIMEOUT_MS = 1000 };
/** Longer than that of thousands of scripts; everybody's document would be too long with it. */
enum { PART_MAX_BYTES = 16 << 20 };

struct asker {
    struct asker *next;
    status_answer *answer;
    void *ctx;
    uint64_t number;
};

/** A worker's answer in this round. */
struct part {
    struct part *next;
    const struct worker_process *process;
    char *text;       /* owned; NULL: it was no JSON object, as if it had not answered */
    unsigned waiting; /* requests */
};

struct status_round {
    struct loop *loop;
    const char *python_version;
    struct groups *groups;
    const struct tasks *tasks;
    struct loop_timer timeout;
    uint64_t started_ms; /* of the host */
    uint64_t number;     /* of the round */
    bool is_running;
    struct part *parts;    /* that have come */
    struct asker *askers;  /* of this round */
    struct asker *waiting; /* for the next */
};

static void end_round(void *ctx);

struct status_round *status_round_new(struct loop *loop, const char *python_version,
                                      struct error *err) {
    struct status_round *round = calloc(1, sizeof *round);
    if (!round) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    round->loop = loop;
    round->python_version = python_version;
    round->timeout = (struct loop_timer){.expired = end_round, .ctx = round};
    round->started_ms = loop_now_ms();
    return round;
}

void status_round_set_groups(struct status_round *round, struct groups *groups,
                             const struct tasks *tasks) {
    round->tasks = tasks;
    round->groups = groups;
}

static void parts_free(struct status_round *round) {
    while (round->parts) {
        struct part *part = round->parts;
        round->parts = part->next;
        free(part->text);
        free(part);
    }
}

/** @return a worker's part, or NULL when it has not come */
static const struct part *part_of(const struct status_round *round,
                                  const struct worker_process *process) {
    const struct part *part = round->parts;
    while (part && part->process != process) {
        part = part->next;
    }
    return part;
}

static void askers_free(struct asker *asker) {
    while (asker) {
        struct asker *next = asker->next;
        free(asker);
        asker = next;
    }
}

void status_round_free(struct status_round *round) {
    if (round) {
        loop_disarm(round->loop, &round->timeout);
        parts_free(round);
        askers_free(round->askers);
        askers_free(round->waiting);
        free(round);
    }
}

/* ---- The document ---- */

/** A worker that has not answered, as far as the supervisor knows it. */
static void write_silent(const struct status_round *round, struct json_writer *json,
                         const struct worker_process *process) {
    json_begin_object(json, NULL);
    document_add_integer(json, STATUS_WORKER_PID, process->pid);
    document_add_text(json, STATUS_WORKER_PROCESS, groups_name_with(round->groups, process));
    document_add_text(json, STATUS_WORKER_STATE,
                      process->state == PROCESS_LOADING ? "starting" : "stuck");
    document_add_integer(json, STATUS_WORKER_REQUESTS, 0);
    document_add_integer(json, STATUS_WORKER_RSS_BYTES, 0);
    document_begin_list(json, STATUS_WORKER_APPS);
    json_end_array(json);
    json_end_object(json);
}

static void write_last(struct json_writer *json, const struct fleet_last *last) {
    if (!last->cause[0]) {
        document_add_null(json, STATUS_HOST_LAST_REPLACEMENT);
        return;
    }
    document_begin_object(json, STATUS_HOST_LAST_REPLACEMENT);
    document_add_text(json, STATUS_HOST_REPLACEMENT_CAUSE, last->cause);
    document_add_text(
        json, STATUS_HOST_REPLACEMENT_OUTCOME,
        reload_outcome_name(last->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED));
    document_add_text(json, STATUS_HOST_REPLACEMENT_WHY, last->why);
    document_add_number(json, STATUS_HOST_REPLACEMENT_TOTAL_MS, last->total_ms);
    document_add_time(json, STATUS_HOST_REPLACEMENT_AT, last->at_s);
    json_end_object(json);
}

/** Process groups that have no worker, which would tell of them. */
static void write_asleep(const struct status_round *round, struct json_writer *json) {
    const struct config *config;
    const char *name;
    document_begin_list(json, STATUS_HOST_ASLEEP);
    for (size_t i = 0; (name = groups_asleep(round->groups, i, &config)); i++) {
        char names[1024] = "";
        for (size_t k = 0, length = 0; k < config->app_count && length < sizeof names; k++) {
            length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                       k > 0 ? ", " : "", config->apps[k].name);
        }
        json_begin_object(json, NULL);
        document_add_text(json, STATUS_HOST_ASLEEP_PROCESS, name);
        document_add_text(json, STATUS_HOST_ASLEEP_APPLICATIONS, names);
        json_end_object(json);
    }
    json_end_array(json);
}

/** What the workers of some process groups are forked from. */
static void write_templates(const struct status_round *round, struct json_writer *json) {
    struct groups_template found;
    document_begin_list(json, STATUS_HOST_TEMPLATES);
    for (size_t i = 0; groups_template(round->groups, i, &found); i++) {
        json_begin_object(json, NULL);
        document_add_text(json, STATUS_HOST_TEMPLATE_PROCESS, found.process);
        document_add_integer(json, STATUS_HOST_TEMPLATE_PID, found.pid);
        document_add_integer(json, STATUS_HOST_TEMPLATE_MODULES, found.modules);
        document_add_integer(json, STATUS_HOST_TEMPLATE_RSS_BYTES, (int64_t)found.rss_bytes);
        json_end_object(json);
    }
    json_end_array(json);
}

/** The process groups: how many processes they are, and how much memory these take.
 *  @return that of all */
static uint64_t write_processes(const struct status_round *round, struct json_writer *json) {
    struct groups_process found;
    uint64_t resident_bytes = 0;
    document_begin_list(json, STATUS_HOST_PROCESSES);
    for (size_t i = 0; groups_process(round->groups, i, &found); i++) {
        json_begin_object(json, NULL);
        resident_bytes += found.resident_bytes;
        document_add_text(json, STATUS_HOST_PROCESS, found.process);
        document_add_integer(json, STATUS_HOST_PROCESS_WORKERS, found.workers);
        document_add_integer(json, STATUS_HOST_PROCESS_RSS_BYTES, (int64_t)found.resident_bytes);
        document_add_integer(json, STATUS_HOST_PROCESS_ANONYMOUS_BYTES,
                             (int64_t)found.anonymous_bytes);
        json_end_object(json);
    }
    json_end_array(json);
    return resident_bytes;
}

static void write_reloads(const struct status_round *round, struct json_writer *json) {
    document_begin_list(json, STATUS_HOST_RELOADS);
    for (const struct reload_count *count = groups_reload_counts(round->groups); count;
         count = count->next) {
        json_begin_object(json, NULL);
        document_add_text(json, STATUS_HOST_RELOADS_PROCESS, count->process);
        document_add_text(json, STATUS_HOST_RELOADS_APP, count->app);
        document_add_integer(json, STATUS_HOST_RELOADS_SWITCHED, (int64_t)count->switched);
        document_add_integer(json, STATUS_HOST_RELOADS_KEPT, (int64_t)count->kept);
        document_add_integer(json, STATUS_HOST_RELOADS_REPLACED, (int64_t)count->replaced);
        json_end_object(json);
    }
    json_end_array(json);
}

/** @return requests that wait, as workers have said of themselves */
static unsigned count_waiting(const struct status_round *round) {
    unsigned waiting = 0;
    for (const struct part *part = round->parts; part; part = part->next) {
        waiting += part->waiting;
    }
    return waiting;
}

static void write_document(const struct status_round *round, struct json_writer *json) {
    json_begin_object(json, NULL);
    document_add_text(json, STATUS_HOST_VERSION, FCGI_HOST_VERSION);
    document_add_text(json, STATUS_HOST_PYTHON, round->python_version);
    document_add_integer(json, STATUS_HOST_PID, getpid());
    document_add_number(json, STATUS_HOST_UPTIME_S,
                        (double)(loop_now_ms() - round->started_ms) / 1000);
    write_last(json, groups_last(round->groups));
    write_asleep(round, json);
    write_templates(round, json);
    tasks_write(round->tasks, json);
    uint64_t resident_bytes = write_processes(round, json);
    history_note_sample(clock_now_ns(), count_waiting(round), resident_bytes);
    write_reloads(round, json);
    recent_write(round->groups, json);
    document_begin_list(json, STATUS_HOST_WORKERS);
    for (struct worker_process *process = groups_next_process(round->groups, NULL); process;
         process = groups_next_process(round->groups, process)) {
        const struct part *part = part_of(round, process);
        if (part && part->text) {
            json_add_raw(json, NULL, part->text, strlen(part->text));
        } else if (process->state != PROCESS_DOOMED) {
            write_silent(round, json, process);
        }
    }
    json_end_array(json);
    json_end_object(json);
}

/* ---- A round ---- */

static void start_round(struct status_round *round) {
    round->is_running = true;
    round->number++;
    parts_free(round);
    round->askers = round->waiting;
    round->waiting = NULL;
    for (struct worker_process *process = groups_next_process(round->groups, NULL); process;
         process = groups_next_process(round->groups, process)) {
        if (process->state != PROCESS_DOOMED) {
            channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_STATUS,
                                                                   .number = round->number});
        }
    }
    loop_arm(round->loop, &round->timeout, ANSWER_TIMEOUT_MS);
}

static void end_round(void *ctx) {
    struct status_round *round = ctx;
    struct json_writer json = {0};
    write_document(round, &json);
    const char *text = json.failed ? "{}" : json.text;
    loop_disarm(round->loop, &round->timeout);
    while (round->askers) {
        struct asker *asker = round->askers;
        round->askers = asker->next;
        asker->answer(asker->ctx, asker->number, text, strlen(text));
        free(asker);
    }
    free(json.text);
    round->is_running = false;
    if (round->waiting) {
        start_round(round);
    }
}

static void end_if_complete(struct status_round *round) {
    if (!round->is_running) {
        return;
    }
    for (struct worker_process *process = groups_next_process(round->groups, NULL); process;
         process = groups_next_process(round->groups, process)) {
        if (process->state != PROCESS_DOOMED && !part_of(round, process)) {
            return;
        }
    }
    end_round(round);
}

void status_round_ask(struct status_round *round, status_answer *answer, void *ctx,
                      uint64_t number) {
    struct asker *asker = calloc(1, sizeof *asker);
    if (!asker) {
        answer(ctx, number, "{}", 2);
        return;
    }
    *asker = (struct asker){.next = round->waiting, .answer = answer, .ctx = ctx, .number = number};
    round->waiting = asker;
    if (!round->is_running) {
        groups_suspect(round->groups);
        start_round(round);
        end_if_complete(round);
    }
}

static void forget_in(struct asker **link, const void *ctx) {
    while (*link) {
        struct asker *asker = *link;
        if (asker->ctx == ctx) {
            *link = asker->next;
            free(asker);
        } else {
            link = &asker->next;
        }
    }
}

void status_round_forget(struct status_round *round, void *ctx) {
    forget_in(&round->askers, ctx);
    forget_in(&round->waiting, ctx);
}

/** A worker may send anything, and all parts become one document. */
static void read_part(struct part *part) {
    size_t i, bytes = strlen(part->text);
    const json_t *app;
    json_t *json = bytes <= PART_MAX_BYTES ? json_parse(part->text, bytes, NULL) : NULL;
    if (!json_is_object(json)) {
        free(part->text);
        part->text = NULL;
    }
    json_array_foreach(json_object_get(json, "apps"), i, app) {
        part->waiting += (unsigned)fmin(fmax(json_get_number(app, "queued"), 0), UINT16_MAX);
    }
    json_decref(json);
}

void status_round_part(struct status_round *round, struct worker_process *process, uint64_t number,
                       char *text) {
    if (number != round->number || !round->is_running) {
        free(text); /* an answer to an earlier round */
        return;
    }
    struct part *part = calloc(1, sizeof *part);
    if (!part) {
        free(text); /* out of memory: as if the worker had not answered */
        return;
    }
    *part = (struct part){.next = round->parts, .process = process, .text = text};
    round->parts = part;
    read_part(part);
    end_if_complete(round);
}

void status_round_gone(struct status_round *round, struct worker_process *process) {
    status_round_forget(round, process);
    for (struct part **link = &round->parts; *link; link = &(*link)->next) {
        if ((*link)->process == process) {
            (*link)->process = NULL; /* another process may get this address */
        }
    }
    end_if_complete(round);
}
