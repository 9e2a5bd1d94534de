/* Another configuration: SIGHUP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/view.h"
#include "fcgi_host/supervisor/groups_internal.h"

#define CAUSE "asked for: SIGHUP"

/** Groups that serve something under `site` and have no group yet. */
int groups_add_missing(struct groups *groups, const struct config *site, struct error *err) {
    for (size_t i = 0; i <= site->app_count; i++) {
        const char *name = i < site->app_count ? grouping_name(groups, &site->apps[i])
                                               : grouping_scripts_name(site);
        if (name && !group_find(groups, name) && !group_add(groups, name, err)) {
            return -1;
        }
    }
    return 0;
}

void groups_start_new(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (!group->fleet && !group->is_leaving) {
            group_start(group, NULL);
        }
    }
}

/** Groups that serve nothing any more finish what they have. */
static void leave_empty_groups(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        bool is_front = strcmp(group->name, CONFIG_PROCESS_SHARED) == 0 && group->fleet;
        if (!group->is_leaving && !is_front && !grouping_has(groups, groups->site, group->name)) {
            group_leave(group);
        }
    }
}

/** Scripts that are none any more are forgotten; where the others are is told, since some may have
 *  been on their way. */
static void tell_scripts(struct groups *groups) {
    struct moved **link = &groups->moved;
    while (*link) {
        struct moved *moved = *link;
        if (!moved->is_script) {
            link = &moved->next;
        } else if (grouping_is_script(groups->site, moved->interpreter)) {
            groups_tell_script_home(groups, moved->interpreter, moved->group);
            link = &moved->next;
        } else {
            groups_tell_script_home(groups, moved->interpreter, CONFIG_PROCESS_SHARED);
            grouping_forget(link);
        }
    }
}

static void replace_group(struct groups *groups, struct group *group) {
    struct error err;
    struct config *part = grouping_part(groups, groups->site, group->name, &err);
    if (!part) {
        log_line(LOG_ERROR, "process.failed", NULL, "process %s: %s", group->name, err.text);
        return;
    }
    fleet_replace(group->fleet,
                  &(struct replacement_wish){
                      .cause = CAUSE, .config = part, .seat = -1, .is_in_effect = true});
}

/** The new configuration is in effect. @param proof  the group that has loaded under it; or NULL */
static void put_in_effect(struct groups *groups, const struct group *proof) {
    struct config *before = groups->site;
    struct home *homes = grouping_homes(groups, before);
    groups->site = groups->next;
    groups->next = NULL;
    groups->hooks.config_changed(groups->hooks.ctx, before, groups->site); /* the log, first */
    for (struct moved *moved = groups->moved; moved; moved = moved->next) {
        if (moved->is_pending) {
            groups_memory_learn_move(groups, moved);
        }
        moved->is_pending = false; /* the shared group's new workers do not load it */
    }
    leave_empty_groups(groups);
    tell_scripts(groups);
    for (struct group *group = groups->first; group; group = group->next) {
        if (group != proof && group->fleet && !group->is_leaving) {
            replace_group(groups, group);
        }
    }
    groups_start_new(groups);
    groups_tell_changed_homes(groups, before, homes);
    free(homes);
    config_free(before);
}

void groups_config_proven(void *ctx, const struct config *before, const struct config *config) {
    struct group *group = ctx;
    struct groups *groups = group->all;
    (void)before;
    if (groups->next && config_site(config) == groups->next) {
        put_in_effect(groups, group);
    }
}

/** What the replacement of the first group is for. */
struct proof {
    struct groups *groups;
    const struct config *site;
};

/** The next configuration does not come into effect. */
static void drop_next(struct groups *groups) {
    config_free(groups->next);
    groups->next = NULL;
    leave_empty_groups(groups); /* those that were added for it */
}

/** The first group has, or has not, loaded under the new configuration. */
static void proof_ended(void *ctx, const struct replacement_result *result) {
    struct proof proof = *(struct proof *)ctx;
    struct groups *groups = proof.groups;
    free(ctx);
    if (groups->next && groups->next == proof.site && result->is_kept) {
        drop_next(groups);
        groups_start_new(groups); /* what was refused meanwhile */
    }
    groups->done(groups->done_ctx, result);
    if (groups->waiting && !groups->next) {
        struct config *waiting = groups->waiting;
        groups->waiting = NULL;
        groups_reconfigure(groups, waiting, groups->done, groups->done_ctx);
    }
}

/** What workers have told of applications is not known of the new ones. */
static void clear_placements(const struct groups *groups) {
    for (const struct group *group = groups->first; group; group = group->next) {
        if (group->fleet) {
            placement_clear(fleet_placement(group->fleet));
        }
    }
}

/** @return the first group that serves, and has something to serve next; NULL: none */
static struct group *find_proof(const struct groups *groups) {
    struct group *asleep = NULL;
    for (struct group *group = groups->first; group; group = group->next) {
        if (!group->fleet || group->is_leaving ||
            !grouping_has(groups, groups->next, group->name)) {
            continue;
        }
        if (!fleet_is_asleep(group->fleet)) {
            return group; /* it knows what serves, and must not be lost */
        }
        asleep = asleep ? asleep : group;
    }
    return asleep;
}

/** Replace a group under the next configuration: proof_ended(). @return 0, or -1: ERR_MEMORY */
static int prove(struct groups *groups, struct group *group, struct error *err) {
    struct proof *proof = malloc(sizeof *proof);
    struct config *part = proof ? grouping_part(groups, groups->next, group->name, err) : NULL;
    if (!part) {
        free(proof);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *proof = (struct proof){groups, groups->next};
    fleet_replace(
        group->fleet,
        &(struct replacement_wish){
            .cause = CAUSE, .config = part, .seat = -1, .done = proof_ended, .ctx = proof});
    return 0;
}

static void refuse_next(struct groups *groups, const char *why) {
    drop_next(groups);
    groups->done(groups->done_ctx, &(struct replacement_result){
                                       .cause = CAUSE, .why = why, .is_kept = true, .seat = -1});
}

/** @return what was moved to a group whose name is another one's under a site; NULL: nothing */
static const struct moved *find_conflict(const struct groups *groups, const struct config *site) {
    for (const struct moved *moved = groups->moved; moved; moved = moved->next) {
        if (config_find_process(site, moved->group)) {
            return moved;
        }
        const struct app_config *app = config_find_app(site, moved->group);
        bool is_own = app && strcmp(app->process, CONFIG_PROCESS_OWN) == 0;
        if (is_own && (moved->is_script || strcmp(app->name, moved->interpreter) != 0)) {
            return moved;
        }
    }
    return NULL;
}

/** @return whether the next configuration was refused for that */
static bool refuse_conflict(struct groups *groups) {
    char why[512];
    const struct moved *moved = find_conflict(groups, groups->next);
    if (moved) {
        snprintf(why, sizeof why,
                 "process \"%.200s\" is that of %.200s already, which was moved there: choose "
                 "another name, or start the host again",
                 moved->group, moved->interpreter);
        refuse_next(groups, why);
    }
    return moved != NULL;
}

void groups_reconfigure(struct groups *groups, struct config *site,
                        void (*done)(void *ctx, const struct replacement_result *result),
                        void *ctx) {
    struct error err;
    if (groups->next) { /* the one that is read last counts */
        config_free(groups->waiting);
        groups->waiting = site;
        return;
    }
    groups->next = site;
    groups->done = done;
    groups->done_ctx = ctx;
    if (refuse_conflict(groups)) {
        return;
    }
    groups_memory_apply(groups, site, groups->site);
    if (groups_add_missing(groups, site, &err)) {
        refuse_next(groups, err.text);
        return;
    }
    clear_placements(groups);
    struct group *group = find_proof(groups);
    if (!group) {
        put_in_effect(groups, NULL);
        done(ctx, &(struct replacement_result){.cause = CAUSE, .why = "", .seat = -1});
    } else if (prove(groups, group, &err)) {
        refuse_next(groups, err.text);
    }
}
