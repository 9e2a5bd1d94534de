#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/notify.h"
#include "fcgi_host/supervisor/supervisor_internal.h"

/** A `reload` command: first every worker is asked, then those are replaced that must be. */
struct reload {
    struct reload *next;
    struct supervisor *supervisor;
    struct control_client *client; /* NULL: has gone */
    uint64_t number;
    uint64_t started_ms;
    pid_t *asked; /* workers that have not answered; 0: has */
    unsigned asked_count;
    bool needs_replacement, is_kept;
    char why[1024];
};

static void reload_free(struct reload *reload) {
    struct reload **link = &reload->supervisor->reloads;
    while (*link != reload) {
        link = &(*link)->next;
    }
    *link = reload->next;
    fleet_forget(reload->supervisor->fleet, reload);
    free(reload->asked);
    free(reload);
}

/** @param outcome  a reload_outcome_name(), or "unknown" */
static void answer(struct control_client *client, const char *outcome, const char *why,
                   double total_ms) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_add_string(&json, "outcome", outcome);
    json_add_string(&json, "why", why);
    json_add_number(&json, "total_ms", total_ms);
    json_end_object(&json);
    if (json.failed) {
        control_answer(client, "{}", 2);
    } else {
        control_answer(client, json.text, json.bytes);
    }
    free(json.text);
}

static void finish(struct reload *reload, enum reload_outcome outcome, const char *why) {
    struct control_client *client = reload->client;
    double total_ms = (double)(loop_now_ms() - reload->started_ms);
    reload->client = NULL;
    if (client) {
        answer(client, reload_outcome_name(outcome), why, total_ms);
    }
    reload_free(reload);
}

static void replaced(void *ctx, const struct replacement_result *result) {
    struct reload *reload = ctx;
    bool is_kept = result->is_kept || reload->is_kept;
    finish(reload, is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED,
           result->is_kept ? result->why : reload->why);
}

/** Every worker has answered or gone. */
static void all_answered(struct reload *reload) {
    if (!reload->needs_replacement) {
        finish(reload, reload->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_SWITCHED,
               reload->why);
        return;
    }
    fleet_replace(
        reload->supervisor->fleet,
        &(struct replacement_wish){
            .cause = "asked for: fcgi_host reload", .seat = -1, .done = replaced, .ctx = reload});
}

/** @return whether nobody is left to wait for */
static bool note_answer(struct reload *reload, pid_t pid) {
    bool was_asked = false;
    unsigned left = 0;
    for (unsigned i = 0; i < reload->asked_count; i++) {
        if (reload->asked[i] == pid) {
            reload->asked[i] = 0;
            was_asked = true;
        }
        left += reload->asked[i] != 0;
    }
    return was_asked && left == 0;
}

void supervisor_reloaded(struct supervisor *supervisor, const struct process *process,
                         const struct channel_message *message) {
    for (struct reload *reload = supervisor->reloads; reload; reload = reload->next) {
        if (reload->number != message->number) {
            continue;
        }
        enum reload_outcome outcome = reload_outcome_parse(message->name);
        if (outcome == RELOAD_OUTCOME_NEEDS_WORKER) {
            reload->needs_replacement = true;
        } else if (outcome == RELOAD_OUTCOME_KEPT) {
            reload->is_kept = true;
            snprintf(reload->why, sizeof reload->why, "%s", message->text);
        }
        if (note_answer(reload, process->pid)) {
            all_answered(reload);
        }
        return;
    }
}

void supervisor_reload_process_gone(struct supervisor *supervisor, const struct process *process) {
    for (struct reload *reload = supervisor->reloads; reload;) {
        struct reload *next = reload->next;
        if (note_answer(reload, process->pid)) {
            reload->needs_replacement = true; /* it died over it */
            all_answered(reload);
        }
        reload = next;
    }
}

void supervisor_reload_client_gone(struct supervisor *supervisor,
                                   const struct control_client *client) {
    for (struct reload *reload = supervisor->reloads; reload; reload = reload->next) {
        if (reload->client == client) {
            reload->client = NULL;
        }
    }
}

/** @return the first name that is no application, or NULL */
static const char *unknown_name(const struct config *config, const struct string_list *words) {
    for (size_t i = 1; i < words->count; i++) {
        bool is_known = config->scripts_root && words->items[i][0] == '/';
        for (size_t j = 0; j < config->app_count && !is_known; j++) {
            is_known = strcmp(config->apps[j].name, words->items[i]) == 0;
        }
        if (!is_known) {
            return words->items[i];
        }
    }
    return NULL;
}

/** Ask every worker that serves. @return whether there was one */
static bool ask_workers(struct reload *reload, const struct string_list *words) {
    struct fleet *fleet = reload->supervisor->fleet;
    char names[CHANNEL_TEXT_BYTES] = "";
    size_t length = 0;
    for (size_t i = 1; i < words->count && length < sizeof names; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, "%s\n", words->items[i]);
    }
    if (length >= sizeof names) {
        names[0] = '\0'; /* more than a message holds: all of them */
    }
    unsigned count = 0;
    for (struct process *each = fleet_processes(fleet); each; each = each->next) {
        count += each->state == PROCESS_SERVING;
    }
    reload->asked = calloc(count ? count : 1, sizeof *reload->asked);
    if (!reload->asked) {
        return false;
    }
    for (struct process *each = fleet_processes(fleet); each; each = each->next) {
        if (each->state == PROCESS_SERVING) {
            reload->asked[reload->asked_count++] = each->pid;
            channel_tell(&each->end, &(struct channel_outgoing){.type = CHANNEL_RELOAD,
                                                                .number = reload->number,
                                                                .text = names});
        }
    }
    return count > 0;
}

void supervisor_reload(struct supervisor *supervisor, struct control_client *client,
                       const struct string_list *words) {
    char why[CHANNEL_NAME_BYTES + 64];
    const char *unknown = unknown_name(fleet_config(supervisor->fleet), words);
    struct reload *reload = unknown ? NULL : calloc(1, sizeof *reload);
    if (!reload) {
        snprintf(why, sizeof why,
                 unknown ? "no application is called \"%.1000s\"" : "out of memory", unknown);
        answer(client, "unknown", why, 0);
        return;
    }
    reload->supervisor = supervisor;
    reload->client = client;
    reload->number = ++supervisor->reload_number;
    reload->started_ms = loop_now_ms();
    reload->next = supervisor->reloads;
    supervisor->reloads = reload;
    /* Whoever asks wants another try of what had been given up. */
    for (size_t i = 1; i < words->count; i++) {
        placement_retry(fleet_placement(supervisor->fleet), words->items[i]);
    }
    if (words->count == 1) {
        placement_retry(fleet_placement(supervisor->fleet), NULL);
    }
    if (!ask_workers(reload, words)) {
        reload->needs_replacement = true;
        all_answered(reload);
    }
}

/* ---- SIGHUP ---- */

static void notify_reloading(void) {
    struct timespec now;
    char state[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify_send(state);
}

static void config_replaced(void *ctx, const struct replacement_result *result) {
    (void)ctx;
    notify_send("READY=1");
    if (result->is_kept) {
        log_line(LOG_ERROR, "host.config", NULL, "the configuration in effect stays: %s",
                 result->why);
    }
}

void supervisor_read_config_again(struct supervisor *supervisor) {
    struct command_line line;
    struct config *config = NULL;
    struct error err;
    if (fleet_is_stopping(supervisor->fleet)) {
        return;
    }
    notify_reloading();
    if (config_load(supervisor->options->argc, supervisor->options->argv, &line, &config, &err)) {
        log_line(LOG_ERROR, "host.config", NULL, "the configuration in effect stays: %s", err.text);
        notify_send("READY=1");
        return;
    }
    log_line(LOG_INFO, "host.config", NULL, "configuration read again, applications are recycled");
    placement_clear(fleet_placement(supervisor->fleet));
    fleet_replace(supervisor->fleet, &(struct replacement_wish){.cause = "asked for: SIGHUP",
                                                                .config = config,
                                                                .seat = -1,
                                                                .done = config_replaced,
                                                                .ctx = supervisor});
}
