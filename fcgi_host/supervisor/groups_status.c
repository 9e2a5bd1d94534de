/* What the status shows of process groups. */
#include <string.h>
#include <time.h>

#include "fcgi_host/base/memory.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/template.h"

bool groups_template(const struct groups *groups, size_t index,
                     struct groups_template *ret_template) {
    for (const struct group *group = groups->first; group; group = group->next) {
        const struct template *template = group->fleet ? fleet_template(group->fleet) : NULL;
        pid_t pid = template ? template_pid(template) : 0;
        if (pid && index-- == 0) {
            *ret_template = (struct groups_template){group->name, pid, template_modules(template),
                                                     memory_use_of(pid).resident_bytes};
            return true;
        }
    }
    return false;
}

const struct fleet_last *groups_last(const struct groups *groups) {
    static const struct fleet_last s_none;
    const struct fleet_last *last = &s_none;
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        if (*fleet_last(fleet)->cause && fleet_last(fleet)->at_s >= last->at_s) {
            last = fleet_last(fleet);
        }
    }
    return last;
}

static void add_memory(struct groups_process *process, pid_t pid) {
    struct memory_use use = memory_use_of(pid);
    process->resident_bytes += use.resident_bytes;
    process->anonymous_bytes += use.anonymous_bytes;
}

bool groups_process(const struct groups *groups, size_t index, struct groups_process *ret_process) {
    const struct group *group = groups->first;
    while (group && index-- > 0) {
        group = group->next;
    }
    if (!group) {
        return false;
    }
    *ret_process = (struct groups_process){.process = group->name};
    const struct template *template = group->fleet ? fleet_template(group->fleet) : NULL;
    if (template && template_pid(template)) {
        add_memory(ret_process, template_pid(template));
    }
    for (const struct worker_process *each = group->fleet ? fleet_processes(group->fleet) : NULL;
         each; each = each->next) {
        ret_process->workers++;
        add_memory(ret_process, each->pid);
    }
    return true;
}

void group_note_reload(const struct group *group, const struct worker_process *process,
                       const struct channel_message *message) {
    struct groups *groups = group->all;
    struct reload_ending ending;
    reload_ending_parse(message->text, &ending);
    groups->hooks.reloaded(groups->hooks.ctx, message->name, ending.outcome);
    if (ending.outcome != RELOAD_OUTCOME_SWITCHED && ending.outcome != RELOAD_OUTCOME_KEPT) {
        return; /* REPLACED: it has only begun, group_note_replacement() */
    }
    ending.total_ms = (double)message->number;
    ending.at_s = time(NULL);
    reload_counts_add(&groups->reloads, group->name, message->name, ending.outcome);
    struct recent_reload reload = {
        .process = group->name,
        .app = (char *)message->name,
        .ending = ending,
        .ended_ms = loop_now_ms(),
        .worker = process->pid,
    };
    recent_reloads_add(&groups->recent, &reload);
}

void group_note_replacement(const struct group *group, const struct replacement_result *result) {
    struct groups *groups = group->all;
    struct reload_ending ending;
    const char *name = "";
    size_t count = 0;
    replacement_ending(result, &ending);
    for (size_t i = 0; i < groups->site->app_count; i++) {
        const struct app_config *app = &groups->site->apps[i];
        if (strcmp(grouping_name(groups, app), group->name) == 0) {
            reload_counts_add(&groups->reloads, group->name, app->name, ending.outcome);
            name = count++ == 0 ? app->name : "";
        }
    }
    if (!result->is_upkeep) {
        recent_reloads_add(&groups->recent,
                           &(struct recent_reload){
                               .process = group->name,
                               .app = (char *)name,
                               .ending = ending,
                               .ended_ms = loop_now_ms(),
                               .worker = result->seat < 0 ? 0 : -(result->seat + 1),
                           });
    }
}

const struct recent_reloads *groups_recent_reloads(const struct groups *groups) {
    return &groups->recent;
}

const struct reload_count *groups_reload_counts(struct groups *groups) {
    for (size_t i = 0; i < groups->site->app_count; i++) {
        const struct app_config *app = &groups->site->apps[i];
        /* What counts begin at is known before the first reload. */
        reload_counts_of(&groups->reloads, grouping_name(groups, app), app->name);
    }
    return groups->reloads.first;
}
