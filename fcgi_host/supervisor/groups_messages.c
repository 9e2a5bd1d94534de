/* What the workers of all groups are told of each other: homes, who accepts, the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/passing.h"
#include "fcgi_host/supervisor/groups_internal.h"

/** @param is_own  those of the group that has it; else the others */
static void tell_home_to(struct groups *groups, const char *app, const struct home *home,
                         bool is_own) {
    struct worker_process *process = NULL;
    bool has_mailbox = !is_own && home->mailbox_fd >= 0;
    while ((process = groups_next_process(groups, process))) {
        if (is_own == (strcmp(home->process, group_with(groups, process)->name) == 0)) {
            channel_tell(&process->end,
                         &(struct channel_outgoing){.type = CHANNEL_HOME,
                                                    .name = app,
                                                    .text = home->process,
                                                    .fd = has_mailbox ? &home->mailbox_fd : NULL});
        }
    }
}

/** The others first: a page that the group tells to reload must not get their code once more. */
static void tell_home(struct groups *groups, const char *app, const struct home *home) {
    tell_home_to(groups, app, home, false);
    tell_home_to(groups, app, home, true);
}

static const char *name_at(const struct config *site, size_t place) {
    return place < site->app_count ? site->apps[place].name : "";
}

void groups_tell_homes(struct groups *groups, const char *name) {
    struct home *homes = grouping_homes(groups, groups->site);
    for (size_t i = 0; homes && i <= groups->site->app_count; i++) {
        if (strcmp(homes[i].process, name) == 0) {
            tell_home(groups, name_at(groups->site, i), &homes[i]);
        }
    }
    free(homes);
    for (const struct moved *moved = groups->moved; moved; moved = moved->next) {
        if (moved->is_script && !moved->is_pending && strcmp(moved->group, name) == 0) {
            groups_tell_script_home(groups, moved->interpreter, name);
        }
    }
}

void groups_tell_script_home(struct groups *groups, const char *path, const char *process) {
    const struct home home = {.process = process, .mailbox_fd = grouping_mailbox(groups, process)};
    tell_home(groups, path, &home);
}

void groups_tell_stays(struct groups *groups, const char *interpreter) {
    struct worker_process *process = NULL;
    while ((process = groups_next_process(groups, process))) {
        channel_tell(&process->end,
                     &(struct channel_outgoing){.type = CHANNEL_STAYS, .name = interpreter});
    }
}

/** @return the home of an application (""; the scripts), or NULL */
static const struct home *find_home(const struct config *site, const struct home *homes,
                                    const char *app) {
    for (size_t i = 0; homes && i <= site->app_count; i++) {
        if (strcmp(name_at(site, i), app) == 0) {
            return &homes[i];
        }
    }
    return NULL;
}

void groups_tell_changed_homes(struct groups *groups, const struct config *before,
                               const struct home *homes_before) {
    struct home *homes = grouping_homes(groups, groups->site);
    for (size_t i = 0; homes && i <= groups->site->app_count; i++) {
        const char *app = name_at(groups->site, i);
        const struct home *known = find_home(before, homes_before, app);
        bool is_known = known && strcmp(known->process, homes[i].process) == 0;
        if (*homes[i].process && !is_known) {
            tell_home(groups, app, &homes[i]);
        }
    }
    free(homes);
}

static bool is_dry(const struct group *group) {
    const struct worker_process *process = group->fleet ? fleet_processes(group->fleet) : NULL;
    while (process && (process->is_dry || process->state == PROCESS_DOOMED)) {
        process = process->next;
    }
    return !process;
}

static bool are_all_dry(const struct groups *groups) {
    const struct group *group = groups->first;
    while (group && is_dry(group)) {
        group = group->next;
    }
    return !group;
}

/** @return whether a worker of the group that is dry need not wait for what is passed to it */
static bool may_dry_go(const struct group *group) {
    if (group->is_leaving) { /* no application is here; what comes yet: group_rescue_passed() */
        return is_dry(group);
    }
    return !group->all->is_stopping; /* others of the group take it */
}

void groups_tell_no_more(struct groups *groups) {
    if (groups->is_stopping && are_all_dry(groups)) {
        groups_stop_sleepers(groups); /* one may have something to do yet */
    }
    bool is_end = groups->is_stopping && are_all_dry(groups); /* nothing is passed any more */
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->fleet && (is_end || may_dry_go(group))) {
            fleet_let_dry_go(group->fleet);
        }
    }
}

/** What was passed to a group that has ended goes to another one, which knows where it belongs. */
void group_rescue_passed(const struct group *ended) {
    const struct groups *groups = ended->all;
    struct passed_connection connection;
    const struct group *other = groups->first;
    while (other && (other == ended || other->is_leaving)) {
        other = other->next;
    }
    while (passing_receive(ended->mailbox[1], &connection, NULL) == 0) {
        if (!other || passing_send(other->mailbox[0], &connection, NULL) != 0) {
            log_line(LOG_WARN, "worker.channel", NULL, "a passed connection is lost");
        }
        close(connection.fd);
        free(connection.bytes);
    }
}

/** The group whose workers accept for all: then a crash of another group costs its own requests
 *  only.  NULL: every group accepts. */
static const struct group *find_front(const struct groups *groups) {
    const struct group *front = group_find(groups, CONFIG_PROCESS_SHARED);
    return front && front->fleet ? front : NULL;
}

bool group_leaves_accepting(const struct group *group) {
    const struct group *front = find_front(group->all);
    return front && front != group && fleet_accepts(front->fleet);
}

/** Other groups accept while no worker of the front does. */
void groups_share_accepting(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        bool leaves = group_leaves_accepting(group);
        if (!group->fleet || group->leaves_accepting == leaves || groups->is_stopping) {
            continue;
        }
        group->leaves_accepting = leaves;
        for (struct worker_process *process = fleet_processes(group->fleet); process;
             process = process->next) {
            channel_tell(&process->end,
                         &(struct channel_outgoing){.type = CHANNEL_LISTEN, .number = !leaves});
        }
    }
}
