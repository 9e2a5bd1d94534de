#include "fcgi_host/supervisor/reload_command.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/link/worker_start.h"

/** Files that change while they are loaded are loaded again; the checks take their time, too. */
enum { LOADS_IN_A_RELOAD = 2 };

/** One command: every worker is asked; if one cannot reload in its process, all are replaced. */
struct reload_command {
    struct reload_command *next;
    struct reload_commands *all;
    struct control_client *client; /* NULL: has gone */
    uint64_t number;
    uint64_t started_ms;
    pid_t *asked; /* the workers that were asked; 0: has answered */
    unsigned asked_count;
    struct loop_timer deadline; /* for the workers' answers */
    bool needs_replacement, is_kept;
    char why[1024];
};

struct reload_commands {
    struct loop *loop;
    struct fleet *fleet;
    struct reload_command *first; /* those that are not answered yet */
    uint64_t last_number;
};

static void reload_command_free(struct reload_command *command) {
    struct reload_command **link = &command->all->first;
    while (*link != command) {
        link = &(*link)->next;
    }
    *link = command->next;
    loop_disarm(command->all->loop, &command->deadline);
    fleet_forget(command->all->fleet, command);
    free(command->asked);
    free(command);
}

struct reload_commands *reload_commands_new(struct loop *loop, struct fleet *fleet,
                                            struct error *err) {
    struct reload_commands *all = calloc(1, sizeof *all);
    if (!all) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    all->loop = loop;
    all->fleet = fleet;
    return all;
}

void reload_commands_free(struct reload_commands *all) {
    while (all && all->first) {
        reload_command_free(all->first); // NOLINT(clang-analyzer-unix.Malloc): unlinks it first
    }
    free(all);
}

static void answer_client(struct control_client *client, enum reload_outcome outcome,
                          const char *why, double total_ms) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_add_string(&json, "outcome", reload_outcome_name(outcome));
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

static void finish_command(struct reload_command *command, enum reload_outcome outcome,
                           const char *why) {
    struct control_client *client = command->client;
    double total_ms = (double)(loop_now_ms() - command->started_ms);
    command->client = NULL;
    if (client) {
        answer_client(client, outcome, why, total_ms);
    }
    reload_command_free(command);
}

static void on_replaced(void *ctx, const struct replacement_result *result) {
    struct reload_command *command = ctx;
    bool is_kept = result->is_kept || command->is_kept;
    finish_command(command, is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED,
                   result->is_kept ? result->why : command->why);
}

/** Every worker has answered or gone. */
static void act_on_answers(struct reload_command *command) {
    loop_disarm(command->all->loop, &command->deadline);
    if (!command->needs_replacement) {
        finish_command(command, command->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_SWITCHED,
                       command->why);
        return;
    }
    fleet_replace(command->all->fleet,
                  &(struct replacement_wish){.cause = "asked for: fcgi_host reload",
                                             .seat = -1,
                                             .done = on_replaced,
                                             .ctx = command});
}

/** Loading is bounded in a worker: one that does not answer hangs, and so must nobody else. */
static void deadline_passed(void *ctx) {
    struct reload_command *command = ctx;
    char why[64];
    int pid = 0;
    for (unsigned i = 0; i < command->asked_count && pid == 0; i++) {
        pid = command->asked[i];
    }
    snprintf(why, sizeof why, "worker %d does not answer", pid);
    finish_command(command, RELOAD_OUTCOME_KEPT, why);
}

static void arm_deadline(struct reload_command *command) {
    const struct config *config = fleet_config(command->all->fleet);
    uint64_t load_ms =
        (uint64_t)config->startup_timeout_s * 1000 + config->app_count * WORKER_NEXT_LOAD_MS;
    command->deadline = (struct loop_timer){.expired = deadline_passed, .ctx = command};
    loop_arm(command->all->loop, &command->deadline, LOADS_IN_A_RELOAD * load_ms);
}

/** @return whether this was the last worker to wait for */
static bool note_answer(struct reload_command *command, pid_t pid) {
    bool was_asked = false;
    unsigned left = 0;
    for (unsigned i = 0; i < command->asked_count; i++) {
        if (command->asked[i] == pid) {
            command->asked[i] = 0;
            was_asked = true;
        }
        left += command->asked[i] != 0;
    }
    return was_asked && left == 0;
}

void reload_command_answered(struct reload_commands *all, const struct worker_process *process,
                             const struct channel_message *message) {
    for (struct reload_command *command = all->first; command; command = command->next) {
        if (command->number != message->number) {
            continue;
        }
        enum reload_outcome outcome = reload_outcome_parse(message->name);
        if (outcome == RELOAD_OUTCOME_NEEDS_WORKER) {
            command->needs_replacement = true;
        } else if (outcome == RELOAD_OUTCOME_KEPT) {
            command->is_kept = true;
            snprintf(command->why, sizeof command->why, "%s", message->text);
        }
        if (note_answer(command, process->pid)) {
            act_on_answers(command);
        }
        return;
    }
}

void reload_command_process_gone(struct reload_commands *all,
                                 const struct worker_process *process) {
    for (struct reload_command *command = all->first; command;) {
        struct reload_command *next = command->next;
        if (note_answer(command, process->pid)) {
            command->needs_replacement = true; /* the worker may have died of the reload */
            act_on_answers(command);
        }
        command = next;
    }
}

void reload_command_client_gone(struct reload_commands *all, const struct control_client *client) {
    for (struct reload_command *command = all->first; command; command = command->next) {
        if (command->client == client) {
            command->client = NULL;
        }
    }
}

/** @return the first name that is no application, or NULL */
static const char *unknown_name(const struct config *config, const struct string_list *words) {
    for (size_t i = 1; i < words->count; i++) {
        const char *name = words->items[i];
        bool is_script = config->scripts_root && name[0] == '/';
        if (!is_script && !config_find_app(config, name)) {
            return name;
        }
    }
    return NULL;
}

/** Ask every worker that serves. @return whether there was one */
static bool ask_workers(struct reload_command *command, const struct string_list *words) {
    struct fleet *fleet = command->all->fleet;
    char names[CHANNEL_TEXT_BYTES] = "";
    size_t length = 0;
    for (size_t i = 1; i < words->count && length < sizeof names; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, "%s\n", words->items[i]);
    }
    if (length >= sizeof names) {
        names[0] = '\0'; /* too long for a message: reload all applications */
    }
    unsigned count = 0;
    for (struct worker_process *each = fleet_processes(fleet); each; each = each->next) {
        count += each->state == PROCESS_SERVING;
    }
    command->asked = calloc(count ? count : 1, sizeof *command->asked);
    if (!command->asked) {
        return false;
    }
    for (struct worker_process *each = fleet_processes(fleet); each; each = each->next) {
        if (each->state == PROCESS_SERVING) {
            command->asked[command->asked_count++] = each->pid;
            channel_tell(&each->end, &(struct channel_outgoing){.type = CHANNEL_RELOAD,
                                                                .number = command->number,
                                                                .text = names});
        }
    }
    fleet_suspect(fleet);
    return count > 0;
}

void reload_command_run(struct reload_commands *all, struct control_client *client,
                        const struct string_list *words) {
    char why[CHANNEL_NAME_BYTES + 64];
    const char *unknown = unknown_name(fleet_config(all->fleet), words);
    struct reload_command *command = unknown ? NULL : calloc(1, sizeof *command);
    if (!command) {
        snprintf(why, sizeof why,
                 unknown ? "no application is called \"%.1000s\"" : "out of memory", unknown);
        answer_client(client, RELOAD_OUTCOME_UNKNOWN, why, 0);
        return;
    }
    command->all = all;
    command->client = client;
    command->number = ++all->last_number;
    command->started_ms = loop_now_ms();
    command->next = all->first;
    all->first = command;
    /* A command asks for another try of applications that had been given up. */
    for (size_t i = 1; i < words->count; i++) {
        placement_retry(fleet_placement(all->fleet), words->items[i]);
    }
    if (words->count == 1) {
        placement_retry(fleet_placement(all->fleet), NULL);
    }
    arm_deadline(command);
    if (!ask_workers(command, words)) {
        command->needs_replacement = true;
        act_on_answers(command);
    }
}
