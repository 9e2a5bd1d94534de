#include "fcgi_host/supervisor/session_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/link/reload_outcome.h"

static void answer(struct control_client *client, const char *outcome, const char *why, pid_t pid) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_add_string(&json, "outcome", outcome);
    json_add_string(&json, "why", why);
    json_add_integer(&json, "worker", pid);
    json_end_object(&json);
    control_answer_json(client, &json);
}

/** @param pid  of the worker that is wanted; NULL: any
 *  @return a worker of the fleet that serves; NULL: none, or not this one */
static struct worker_process *find_worker(const struct fleet *fleet, const char *pid) {
    if (!fleet || !pid) {
        return fleet_find_serving(fleet);
    }
    long wanted = strtol(pid, NULL, 10);
    struct worker_process *process = fleet_processes(fleet);
    while (process && (process->pid != wanted || process->state != PROCESS_SERVING)) {
        process = process->next;
    }
    return process;
}

bool session_command_run(const struct groups *groups, struct control_client *client,
                         const struct string_list *words) {
    bool is_exec = strcmp(words->items[0], "exec") == 0;
    if (!is_exec && strcmp(words->items[0], "profile") != 0) {
        return false;
    }
    int fd = control_client_fd(client);
    const char *app = words->count > 1 ? words->items[1] : "";
    const char *pid = words->count > 2 ? words->items[2] : NULL;
    char why[CHANNEL_NAME_BYTES + 64] = "";
    if (!groups_knows(groups, app) || fd < 0) {
        snprintf(why, sizeof why, "no application is called \"%.1000s\"", app);
        answer(client, reload_outcome_name(RELOAD_OUTCOME_UNKNOWN), why, 0);
        return true;
    }
    struct worker_process *process = find_worker(groups_fleet_of(groups, app), pid);
    if (!process) {
        snprintf(why, sizeof why, "%s%s serves \"%.900s\"", pid ? "no worker " : "no worker",
                 pid ? pid : "", app);
        answer(client, reload_outcome_name(RELOAD_OUTCOME_KEPT), why, 0);
        return true;
    }
    channel_tell(&process->end, &(struct channel_outgoing){
                                    .type = is_exec ? CHANNEL_EXEC : CHANNEL_PROFILE,
                                    .name = app,
                                    .number = control_client_user(client),
                                    .fd = &fd,
                                });
    answer(client, "passed", "", process->pid);
    return true;
}
