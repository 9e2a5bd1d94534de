#include "fcgi_host/supervisor/groups.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/lifeline.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/memory_pressure.h"
#include "fcgi_host/supervisor/placement_memory.h"
#include "fcgi_host/supervisor/rehearsal.h"

/* ---- Life ---- */

struct groups *groups_new(struct loop *loop, struct config *site, int listen_fd,
                          const struct groups_hooks *hooks, struct error *err) {
    struct groups *groups = calloc(1, sizeof *groups);
    if (!groups) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    groups->loop = loop;
    groups->hooks = *hooks;
    groups->listen_fd = listen_fd;
    groups->connections.fd = -1;
    groups->lifeline = lifeline_new(NULL);
    groups->site = site;
    site->references++;
    if (groups_memory_open(groups, err)) {
        groups_free(groups);
        return NULL;
    }
    groups_memory_apply(groups, site, NULL);
    groups_pressure_open(groups);
    if (groups_add_missing(groups, site, err)) {
        groups_free(groups);
        return NULL;
    }
    return groups;
}

void groups_free(struct groups *groups) {
    while (groups && groups->first) {
        struct group *group = groups->first;
        groups->first = group->next;
        group_free(group);
    }
    if (groups) {
        groups->is_stopping = true;
        groups_watch_sleepers(groups);
        grouping_free(groups);
        reload_counts_free(&groups->reloads);
        recent_reloads_free(&groups->recent);
        placement_memory_free(groups->memory);
        memory_pressure_free(groups->pressure);
        groups_rehearse_no_more(groups);
        config_free(groups->waiting);
        config_free(groups->next);
        config_free(groups->site);
        free(groups);
    }
}

void groups_start(struct groups *groups) {
    groups->started_ms = loop_now_ms();
    groups_start_new(groups);
    groups_watch_sleepers(groups);
}

static bool have_all_ended(const struct groups *groups) {
    for (const struct group *group = groups->first; group; group = group->next) {
        if (group->fleet && !group->has_ended) {
            return false;
        }
    }
    return true;
}

/** Groups that have left are forgotten; the host has ended with its last group. */
static void look_at_ends(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->fleet) {
            fleet_end_if_empty(group->fleet);
        }
    }
    bool are_stopping = groups_are_stopping(groups);
    group_scripts_end_gone(groups);
    groups_share_accepting(groups);
    groups_tell_no_more(groups);
    for (struct group **link = &groups->first; *link;) {
        struct group *group = *link;
        if (group->is_leaving && group->has_ended && !are_stopping) {
            *link = group->next;
            log_line(LOG_INFO, "process.ended", NULL, "process %s has ended", group->name);
            group_rescue_passed(group);
            groups->hooks.fleet_gone(groups->hooks.ctx, group->fleet);
            group_free(group);
        } else {
            link = &group->next;
        }
    }
    groups_watch_sleepers(groups);
    if (are_stopping && !groups->has_ended && have_all_ended(groups)) {
        groups->has_ended = true;
        groups->hooks.ended(groups->hooks.ctx, 0);
    }
}

void groups_reap(struct groups *groups) {
    int wait_status;
    pid_t pid;
    /* Any child: process 1 of a container, and a child subreaper, get the orphans of the programs
     * that applications started, and nobody else reaps them. */
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        rehearsal_reaped(groups->rehearsal, pid);
        for (struct group *group = groups->first; group; group = group->next) {
            if (group->fleet && fleet_reap(group->fleet, pid, wait_status)) {
                break;
            }
        }
    }
    look_at_ends(groups);
}

bool group_has_passed_waiting(const struct group *group) {
    struct pollfd mailbox = {.fd = group->mailbox[1], .events = POLLIN};
    return poll(&mailbox, 1, 0) == 1;
}

void group_stop(struct group *group, bool is_waiting) {
    uint64_t now_ms = loop_now_ms(), stop_at_ms = group->all->stop_at_ms;
    if (is_waiting) {
        fleet_wake(group->fleet);
    }
    fleet_stop(group->fleet, stop_at_ms > now_ms ? (unsigned)((stop_at_ms - now_ms) / 1000) : 0,
               is_waiting);
}

void groups_stop(struct groups *groups, unsigned timeout_s, bool are_connections_waiting) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->fleet && !group->is_leaving) {
            fleet_rest(group->fleet);
        }
    }
    if (are_connections_waiting && groups_need_waking(groups)) {
        groups_wake_for_connections(groups);
    }
    for (struct group *group = groups->first; group; group = group->next) {
        group_memory_check(group);
    }
    groups_rehearse_no_more(groups);
    groups->is_stopping = true;
    groups->stop_at_ms = loop_now_ms() + (uint64_t)timeout_s * 1000;
    for (struct group *group = groups->first; group; group = group->next) {
        bool is_waiting = group_has_passed_waiting(group);
        bool is_asleep = group->fleet && fleet_is_asleep(group->fleet);
        if (group->fleet && (!is_asleep || is_waiting)) { /* else groups_stop_sleepers() */
            group_stop(group, is_waiting || (are_connections_waiting && !is_asleep));
        }
    }
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->fleet) { /* what is passed to it may still start it */
            fleet_forget_listening(group->fleet);
        }
    }
    groups_watch_sleepers(groups);
    groups_reap(groups);
}

void groups_kill(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->fleet) {
            fleet_kill(group->fleet);
        }
    }
    groups->is_stopping = true;
    groups_reap(groups);
}

bool groups_are_stopping(const struct groups *groups) {
    return groups->is_stopping;
}

/* ---- What concerns all ---- */

const struct config *groups_config(const struct groups *groups) {
    return groups->site;
}

struct fleet *groups_next_fleet(const struct groups *groups, const struct fleet *fleet) {
    const struct group *group = groups->first;
    if (fleet) {
        while (group->fleet != fleet) {
            group = group->next;
        }
        group = group->next;
    }
    while (group && !group->fleet) {
        group = group->next;
    }
    return group ? group->fleet : NULL;
}

bool groups_are_asleep(const struct groups *groups) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        if (!fleet_is_asleep(fleet)) {
            return false;
        }
    }
    return true;
}

const char *groups_name_with(const struct groups *groups, const struct worker_process *process) {
    return group_with(groups, process)->name;
}

bool groups_knows(const struct groups *groups, const char *app) {
    bool is_script = groups->site->scripts_root && app[0] == '/';
    return is_script || config_find_app(groups->site, app);
}

const char *groups_unknown_name(const struct groups *groups, const struct string_list *words) {
    for (size_t i = 1; i < words->count; i++) {
        if (!groups_knows(groups, words->items[i])) {
            return words->items[i];
        }
    }
    return NULL;
}

struct group *group_of_app(const struct groups *groups, const char *app) {
    const struct app_config *config = config_find_app(groups->site, app);
    const char *name = config ? grouping_name(groups, config) : grouping_scripts_name(groups->site);
    const struct moved *script = config ? NULL : grouping_moved(groups, app);
    if (script && script->is_script && !script->is_pending) {
        name = script->group;
    }
    return name ? group_find(groups, name) : NULL;
}

struct fleet *groups_fleet_of(const struct groups *groups, const char *app) {
    const struct group *group = group_of_app(groups, app);
    return group ? group->fleet : NULL;
}

bool groups_concern(const struct groups *groups, const struct fleet *fleet,
                    const struct string_list *words) {
    bool is_concerned = words->count == 1;
    for (size_t i = 1; i < words->count; i++) {
        is_concerned |= groups_fleet_of(groups, words->items[i]) == fleet;
    }
    return is_concerned;
}

struct worker_process *groups_next_process(const struct groups *groups,
                                           const struct worker_process *process) {
    struct fleet *fleet;
    struct worker_process *next = process ? process->next : NULL;
    if (next) {
        return next;
    }
    fleet = groups_next_fleet(groups, process ? group_with(groups, process)->fleet : NULL);
    while (fleet && !fleet_processes(fleet)) {
        fleet = groups_next_fleet(groups, fleet);
    }
    return fleet ? fleet_processes(fleet) : NULL;
}

void groups_suspect(struct groups *groups) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        fleet_suspect(fleet);
    }
}

void groups_forget(struct groups *groups, const void *ctx) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        fleet_forget(fleet, ctx);
    }
}

void groups_retry(struct groups *groups, const char *app) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        placement_retry(fleet_placement(fleet), app);
    }
}

void groups_replace_failed(struct groups *groups, const char *cause) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        if (placement_has_failed(fleet_placement(fleet))) {
            placement_retry(fleet_placement(fleet), NULL);
            fleet_replace(fleet, &(struct replacement_wish){.cause = cause, .seat = -1});
        }
    }
}
