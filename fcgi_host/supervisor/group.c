/* One process group: its mailbox, its fleet, and what the fleet tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/view.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/placement_memory.h"

struct group *group_find(const struct groups *groups, const char *name) {
    struct group *group = groups->first;
    while (group && (group->is_leaving || strcmp(group->name, name) != 0)) {
        group = group->next;
    }
    return group;
}

void group_free(struct group *group) {
    group_unwatch(group);
    fleet_free(group->fleet);
    config_free(group->config);
    for (int i = 0; i < 2; i++) {
        if (group->mailbox[i] >= 0) {
            close(group->mailbox[i]);
        }
    }
    free(group->name);
    free(group);
}

/** A group with a mailbox, whose fleet is yet to be started; appended. */
struct group *group_add(struct groups *groups, const char *name, struct error *err) {
    struct group *group = calloc(1, sizeof *group);
    struct group **last = &groups->first;
    if (!group) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    group->all = groups;
    group->mailbox[0] = group->mailbox[1] = group->passed.fd = -1;
    group->name = strdup(name);
    if (!group->name) {
        error_set(err, ERR_MEMORY, "out of memory");
    }
    if (!group->name || channel_pair(group->mailbox, err)) {
        group_free(group);
        return NULL;
    }
    while (*last) {
        last = &(*last)->next;
    }
    *last = group;
    return group;
}

const struct group *group_with(const struct groups *groups, const struct worker_process *process) {
    const struct group *group = groups->first;
    while (!group->fleet || !fleet_has(group->fleet, process)) {
        group = group->next;
    }
    return group;
}

/* ---- The fleets' hooks ---- */

static void on_message(void *ctx, struct worker_process *process,
                       const struct channel_message *message) {
    struct group *group = ctx;
    struct groups *groups = group->all;
    if (message->type == CHANNEL_RELOAD_ENDED) {
        group_note_reload(group, process, message);
    }
    groups->hooks.message(groups->hooks.ctx, process, message);
}

static void on_replaced(void *ctx, const struct replacement_result *result) {
    struct group *group = ctx;
    struct groups *groups = group->all;
    group_note_replacement(group, result);
    groups->hooks.replaced(groups->hooks.ctx,
                           result->is_kept ? RELOAD_OUTCOME_KEPT : RELOAD_OUTCOME_REPLACED);
}

static void on_gone(void *ctx, struct worker_process *process) {
    struct groups *groups = ((struct group *)ctx)->all;
    groups->hooks.gone(groups->hooks.ctx, process);
}

static void on_given_up(void *ctx, const char *file) {
    struct groups *groups = ((struct group *)ctx)->all;
    groups_memory_forget_crash(groups, file);
    groups->hooks.given_up(groups->hooks.ctx, file);
}

/** Log how long the start has taken, once every worker of every group has loaded. */
static void announce_ready(struct groups *groups) {
    size_t failed = 0;
    if (groups->started_ms == 0) {
        return;
    }
    for (const struct group *group = groups->first; group; group = group->next) {
        if (!group->is_ready && !group->is_leaving) {
            return;
        }
        failed += group->failed;
    }
    size_t count = groups->site->app_count;
    size_t loaded = count > failed ? count - failed : 0;
    char rest[64] = "";
    if (failed > 0) {
        snprintf(rest, sizeof rest, "; %zu did not load", failed);
    }
    log_line(LOG_INFO, "host.ready", NULL, "%zu application%s in %.1f s%s", loaded,
             loaded == 1 ? "" : "s", (double)(loop_now_ms() - groups->started_ms) / 1000, rest);
    groups->started_ms = 0;
    groups_rehearse(groups);
}

static void on_ready(void *ctx, size_t failed) {
    struct group *group = ctx;
    struct moved *moved = grouping_find_move(group->all, group->name);
    group->is_ready = true;
    group->failed = failed;
    if (moved && moved->is_pending && failed > 0) {
        group_take_back_move(group);
    } else if (moved && moved->is_pending) {
        group_publish_move(group->all, moved);
    }
    group_memory_check(group);
    announce_ready(group->all);
}

static void on_accepting_changed(void *ctx) {
    struct groups *groups = ((struct group *)ctx)->all;
    groups_watch_sleepers(groups);
    groups_share_accepting(groups);
    groups_tell_no_more(groups);
    groups->hooks.may_serve(groups->hooks.ctx);
}

static void on_loaded(void *ctx) {
    struct groups *groups = ((struct group *)ctx)->all;
    groups->hooks.may_serve(groups->hooks.ctx);
}

/** The host ends when no group can start a worker, and none has served. */
static bool gives_up(void *ctx) {
    struct group *group = ctx;
    bool can_any = group->all->is_serving;
    const struct moved *moved = grouping_find_move(group->all, group->name);
    if (moved && moved->is_pending) { /* requests wait for it where they are */
        group_take_back_move(group);
    }
    group->cannot_start = true;
    for (const struct group *each = group->all->first; each; each = each->next) {
        can_any |= each->fleet && !each->cannot_start;
    }
    return !can_any;
}

static void on_ended(void *ctx, int exit_status) {
    struct group *group = ctx;
    struct groups *groups = group->all;
    group->has_ended = true;
    if (exit_status != 0) {
        groups->has_ended = true;
        groups->hooks.ended(groups->hooks.ctx, exit_status);
    }
}

static void in_child(void *ctx) {
    const struct group *own = ctx;
    const struct groups *groups = own->all;
    /* What other groups are sent is not for this one. */
    for (const struct group *group = groups->first; group; group = group->next) {
        if (group != own && group->mailbox[1] >= 0) {
            close(group->mailbox[1]);
        }
    }
    groups->hooks.in_child(groups->hooks.ctx);
}

/** What was moved to this group is at home here, for its own workers, before it is for all. */
static void note_move(const struct group *group, const struct config *site, struct home *homes) {
    const struct moved *moved = grouping_find_move(group->all, group->name);
    for (size_t i = 0; homes && moved && i < site->app_count; i++) {
        if (strcmp(site->apps[i].interpreter, moved->interpreter) == 0 &&
            grouping_loads(group->all, group->name, &site->apps[i])) {
            homes[i].process = group->name;
            homes[i].why = moved->why;
            homes[i].since_s = moved->since_s;
            homes[i].is_coming = moved->is_pending;
        }
    }
}

static void get_neighbourhood(void *ctx, const struct config *config,
                              struct neighbourhood *ret_neighbourhood) {
    const struct group *group = ctx;
    const struct config *site = config_site(config);
    struct home *homes = grouping_homes(group->all, site);
    size_t script_count;
    struct script_home *scripts = grouping_script_homes(group->all, group->name, &script_count);
    note_move(group, site, homes);
    *ret_neighbourhood = (struct neighbourhood){
        .script_homes = scripts,
        .script_count = script_count,
        .process = group->name,
        .mailbox_fd = group->mailbox[1],
        .homes = homes,
        .leaves_accepting = group->leaves_accepting,
    };
}

static void on_serving(void *ctx) {
    struct groups *groups = ((struct group *)ctx)->all;
    if (!groups->is_serving) {
        groups->is_serving = true;
        groups->hooks.serving(groups->hooks.ctx);
    }
}

/** A worker that reads the next request of a connection, and passes it where it belongs. */
static struct worker_process *find_heir(void *ctx) {
    const struct group *own = ctx;
    struct worker_process *process = NULL;
    for (const struct group *group = own->all->first; group && !process; group = group->next) {
        if (group != own && !group->is_leaving) {
            process = fleet_find_heir(group->fleet);
        }
    }
    return process;
}

static bool leaves(void *ctx) {
    return group_scripts_end_if_gone(ctx);
}

void group_leave(struct group *group) {
    group->is_leaving = true;
    if (!group->fleet) {
        group->has_ended = true;
        return;
    }
    fleet_leave(group->fleet, group->all->site->stop_timeout_s);
    if (!fleet_processes(group->fleet)) { /* it was asleep: nobody else reads what was passed */
        group_rescue_passed(group);
    }
}

void group_start(struct group *group, const struct group *before) {
    struct groups *groups = group->all;
    const struct fleet_hooks hooks = {
        .ctx = group,
        .run_worker = groups->hooks.run_worker,
        .run_template = groups->hooks.run_template,
        .message = on_message,
        .gone = on_gone,
        .serving = on_serving,
        .config_changed = groups_config_proven,
        .given_up = on_given_up,
        .ended = on_ended,
        .in_child = in_child,
        .neighbourhood = get_neighbourhood,
        .refused = group_refused,
        .crashed = group_crashed,
        .move = group_move_asked,
        .leaves = leaves,
        .is_elsewhere = group_is_elsewhere,
        .find_heir = find_heir,
        .lifeline = groups->lifeline,
        .gives_up = gives_up,
        .accepting_changed = on_accepting_changed,
        .loaded = on_loaded,
        .replaced = on_replaced,
        .ready = on_ready,
    };
    struct error err;
    group->config = grouping_part(groups, groups->site, group->name, &err);
    group->fleet = group->config ? fleet_new(groups->loop, group->name, group->config,
                                             groups->listen_fd, &hooks, &err)
                                 : NULL;
    if (!group->fleet) {
        group->is_broken = true;
        log_line(LOG_ERROR, "process.failed", NULL, "process %s: %s", group->name, err.text);
        return;
    }
    if (strcmp(group->name, CONFIG_PROCESS_SHARED) != 0) {
        bool is_asleep = !before && group->config->workers.least == 0;
        size_t count = group->config->app_count + group->config->scripts_in_main.count;
        log_line(LOG_INFO, "process.started", NULL, "process %s: %zu application%s%s", group->name,
                 count, count == 1 ? "" : "s", is_asleep ? ", asleep until the first request" : "");
    }
    group->leaves_accepting = group_leaves_accepting(group);
    group_memory_apply(group);
    fleet_start(group->fleet, before ? before->fleet : NULL);
    groups_watch_sleepers(groups);
}
