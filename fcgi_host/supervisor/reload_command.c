#include "fcgi_host/supervisor/reload_command.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/link/worker_start.h"

/** Files that change while they are loaded are loaded again; the checks take their time, too. */
enum { LOADS_IN_A_RELOAD = 2 };

/** A worker that was asked. */
struct asked {
    pid_t pid; /* 0: has answered */
    struct fleet *fleet;
};

/** One command: every worker of the groups concerned is asked; if one cannot reload in its process,
 *  all of its group are replaced. */
struct reload_command {
    struct reload_command *next;
    struct reload_commands *all;
    struct control_client *client; /* NULL: has gone */
    uint64_t number;
    uint64_t started_ms;
    struct asked *asked;
    unsigned asked_count;
    struct loop_timer deadline; /* for the workers' answers */
    struct fleet **replaced;    /* fleets to be replaced, each once */
    unsigned replaced_count, left_count;
    bool is_kept;
    char why[1024];
};

struct reload_commands {
    struct loop *loop;
    struct groups *groups;
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
    groups_forget(command->all->groups, command);
    free(command->asked);
    free(command->replaced);
    free(command);
}

struct reload_commands *reload_commands_new(struct loop *loop, struct groups *groups,
                                            struct error *err) {
    struct reload_commands *all = calloc(1, sizeof *all);
    if (!all) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    all->loop = loop;
    all->groups = groups;
    return all;
}

void reload_commands_free(struct reload_commands *all) {
    while (all && all->first) {
        reload_command_free(all->first); // NOLINT(clang-analyzer-unix.Malloc): unlinks it first
    }
    free(all);
}

static void finish_command(struct reload_command *command, enum reload_outcome outcome,
                           const char *why) {
    struct control_client *client = command->client;
    double total_ms = (double)(loop_now_ms() - command->started_ms);
    command->client = NULL;
    if (client) {
        control_answer_outcome(client, reload_outcome_name(outcome), why, total_ms);
    }
    reload_command_free(command);
}

static void on_replaced(void *ctx, const struct replacement_result *result) {
    struct reload_command *command = ctx;
    if (result->is_kept) {
        command->is_kept = true;
        snprintf(command->why, sizeof command->why, "%s", result->why);
    }
    if (--command->left_count == 0) {
        finish_command(command, command->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED,
                       command->why);
    }
}

/** Note that the workers of a fleet are to be replaced. */
static void add_replaced(struct reload_command *command, struct fleet *fleet) {
    for (unsigned i = 0; i < command->replaced_count; i++) {
        if (command->replaced[i] == fleet) {
            return;
        }
    }
    struct fleet **grown =
        realloc(command->replaced, (command->replaced_count + 1) * sizeof(struct fleet *));
    if (grown) { /* out of memory: as if the workers had said that nothing is to be done */
        command->replaced = grown;
        command->replaced[command->replaced_count++] = fleet;
    }
}

/** Every worker has answered or gone. */
static void act_on_answers(struct reload_command *command) {
    loop_disarm(command->all->loop, &command->deadline);
    if (command->replaced_count == 0) {
        finish_command(command, command->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_SWITCHED,
                       command->why);
        return;
    }
    unsigned count = command->left_count = command->replaced_count;
    /* The last call may finish the command. */
    for (unsigned i = 0; i < count; i++) {
        fleet_replace(command->replaced[i],
                      &(struct replacement_wish){.cause = "asked for: fcgi_host reload",
                                                 .seat = -1,
                                                 .done = on_replaced,
                                                 .ctx = command});
    }
}

/** Loading is bounded in a worker: one that does not answer hangs, and so must nobody else. */
static void deadline_passed(void *ctx) {
    struct reload_command *command = ctx;
    char why[64];
    int pid = 0;
    for (unsigned i = 0; i < command->asked_count && pid == 0; i++) {
        pid = command->asked[i].pid;
    }
    snprintf(why, sizeof why, "worker %d does not answer", pid);
    finish_command(command, RELOAD_OUTCOME_KEPT, why);
}

static void arm_deadline(struct reload_command *command) {
    const struct config *config = groups_config(command->all->groups);
    uint64_t load_ms =
        (uint64_t)config->startup_timeout_s * 1000 + config->app_count * WORKER_NEXT_LOAD_MS;
    command->deadline = (struct loop_timer){.expired = deadline_passed, .ctx = command};
    loop_arm(command->all->loop, &command->deadline, LOADS_IN_A_RELOAD * load_ms);
}

/** @param[out] ret_is_last  whether this was the last worker to wait for
 *  @return the worker's fleet; NULL: it was not asked, or has answered */
static struct fleet *note_answer(struct reload_command *command, pid_t pid, bool *ret_is_last) {
    struct fleet *fleet = NULL;
    unsigned left = 0;
    for (unsigned i = 0; i < command->asked_count; i++) {
        if (command->asked[i].pid == pid) {
            command->asked[i].pid = 0;
            fleet = command->asked[i].fleet;
        }
        left += command->asked[i].pid != 0;
    }
    *ret_is_last = left == 0;
    return fleet;
}

void reload_command_answered(struct reload_commands *all, const struct worker_process *process,
                             const struct channel_message *message) {
    for (struct reload_command *command = all->first; command; command = command->next) {
        if (command->number != message->number) {
            continue;
        }
        bool is_last;
        struct fleet *fleet = note_answer(command, process->pid, &is_last);
        enum reload_outcome outcome = reload_outcome_parse(message->name);
        if (fleet && outcome == RELOAD_OUTCOME_NEEDS_WORKER) {
            add_replaced(command, fleet);
        } else if (outcome == RELOAD_OUTCOME_KEPT) {
            command->is_kept = true;
            snprintf(command->why, sizeof command->why, "%s", message->text);
        }
        if (fleet && is_last) {
            act_on_answers(command);
        }
        return;
    }
}

void reload_command_process_gone(struct reload_commands *all,
                                 const struct worker_process *process) {
    for (struct reload_command *command = all->first; command;) {
        struct reload_command *next = command->next;
        bool is_last;
        struct fleet *fleet = note_answer(command, process->pid, &is_last);
        if (fleet) {
            add_replaced(command, fleet); /* the worker may have died of the reload */
            if (is_last) {
                act_on_answers(command);
            }
        }
        command = next;
    }
}

void reload_commands_forget(struct reload_commands *all, const struct fleet *fleet) {
    for (struct reload_command *command = all->first; command; command = command->next) {
        unsigned kept = 0;
        for (unsigned i = 0; i < command->replaced_count; i++) {
            if (command->replaced[i] != fleet) {
                command->replaced[kept++] = command->replaced[i];
            }
        }
        command->replaced_count = kept;
    }
}

void reload_command_client_gone(struct reload_commands *all, const struct control_client *client) {
    for (struct reload_command *command = all->first; command; command = command->next) {
        if (command->client == client) {
            command->client = NULL;
        }
    }
}

/** Ask the workers of a fleet that serve; without any, its next ones are to be new. */
static void ask_fleet(struct reload_command *command, struct fleet *fleet, const char *names) {
    unsigned count = 0;
    for (struct worker_process *each = fleet_processes(fleet); each; each = each->next) {
        count += each->state == PROCESS_SERVING;
    }
    struct asked *grown =
        realloc(command->asked, (command->asked_count + count + 1) * sizeof *grown);
    if (grown) {
        command->asked = grown;
    }
    if (!grown || count == 0) {
        add_replaced(command, fleet);
        return;
    }
    for (struct worker_process *each = fleet_processes(fleet); each; each = each->next) {
        if (each->state == PROCESS_SERVING) {
            command->asked[command->asked_count++] = (struct asked){each->pid, fleet};
            channel_tell(&each->end, &(struct channel_outgoing){.type = CHANNEL_RELOAD,
                                                                .number = command->number,
                                                                .text = names});
        }
    }
    fleet_suspect(fleet);
}

/** @return whether a worker was asked */
static bool ask_workers(struct reload_command *command, const struct string_list *words) {
    const struct groups *groups = command->all->groups;
    struct fleet *fleet = NULL;
    char names[CHANNEL_TEXT_BYTES] = "";
    size_t length = 0;
    for (size_t i = 1; i < words->count && length < sizeof names; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, "%s\n", words->items[i]);
    }
    if (length >= sizeof names) {
        names[0] = '\0'; /* too long for a message: reload all applications */
    }
    while ((fleet = groups_next_fleet(groups, fleet))) {
        if (!fleet_is_stopping(fleet) && groups_concern(groups, fleet, words)) {
            ask_fleet(command, fleet, names);
        }
    }
    return command->asked_count > 0;
}

void reload_command_run(struct reload_commands *all, struct control_client *client,
                        const struct string_list *words) {
    char why[CHANNEL_NAME_BYTES + 64];
    const char *unknown = groups_unknown_name(all->groups, words);
    struct reload_command *command = unknown ? NULL : calloc(1, sizeof *command);
    if (!command) {
        snprintf(why, sizeof why,
                 unknown ? "no application is called \"%.1000s\"" : "out of memory", unknown);
        control_answer_outcome(client, reload_outcome_name(RELOAD_OUTCOME_UNKNOWN), why, 0);
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
        groups_retry(all->groups, words->items[i]);
    }
    if (words->count == 1) {
        groups_retry(all->groups, NULL);
    }
    arm_deadline(command);
    if (!ask_workers(command, words)) {
        act_on_answers(command);
    }
}
