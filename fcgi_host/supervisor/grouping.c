/* Which application is in which process group. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/view.h"
#include "fcgi_host/supervisor/groups_internal.h"

const char *grouping_name(const struct groups *groups, const struct app_config *app) {
    if (!grouping_is_auto(app)) {
        return strcmp(app->process, CONFIG_PROCESS_OWN) == 0 ? app->name : app->process;
    }
    const struct moved *moved = grouping_moved(groups, app->interpreter);
    return moved && !moved->is_pending ? moved->group : CONFIG_PROCESS_SHARED;
}

bool grouping_loads(const struct groups *groups, const char *name, const struct app_config *app) {
    const struct moved *moved =
        grouping_is_auto(app) ? grouping_moved(groups, app->interpreter) : NULL;
    return strcmp(grouping_name(groups, app), name) == 0 ||
           (moved && strcmp(moved->group, name) == 0);
}

const char *grouping_scripts_name(const struct config *site) {
    return site->scripts_root ? CONFIG_PROCESS_SHARED : NULL;
}

static bool has_scripts(const struct config *site, const char *name) {
    const char *group = grouping_scripts_name(site);
    return group && strcmp(group, name) == 0;
}

/** Whether a script was moved to the group of this name. */
static bool is_script_of(const struct moved *moved, const struct config *site, const char *name) {
    return moved->is_script && strcmp(moved->group, name) == 0 &&
           grouping_is_script(site, moved->interpreter);
}

bool grouping_has(const struct groups *groups, const struct config *site, const char *name) {
    for (size_t i = 0; i < site->app_count; i++) {
        if (grouping_loads(groups, name, &site->apps[i])) {
            return true;
        }
    }
    for (const struct moved *moved = groups->moved; moved; moved = moved->next) {
        if (is_script_of(moved, site, name)) {
            return true;
        }
    }
    return has_scripts(site, name);
}

/** What a group's section, or the keys of its first application, say. */
static const struct process_config *process_of(const struct config *site,
                                               const struct config_part *part) {

    const struct app_config *first = &site->apps[part->apps[0]];
    const struct process_config *section = config_find_process(site, first->process);
    return section ? section : &first->own;
}

static size_t count_moves(const struct groups *groups) {
    size_t count = 0;
    for (const struct moved *moved = groups->moved; moved; moved = moved->next) {
        count++;
    }
    return count;
}

struct config *grouping_part(const struct groups *groups, struct config *site, const char *name,
                             struct error *err) {
    size_t *apps = calloc(site->app_count + 1, sizeof *apps);
    const char **scripts = calloc(count_moves(groups) + 1, sizeof *scripts);
    struct config_part part = {
        .apps = apps, .has_scripts = has_scripts(site, name), .scripts_in_main = scripts};
    struct config *config = NULL;
    for (size_t i = 0; apps && i < site->app_count; i++) {
        if (grouping_loads(groups, name, &site->apps[i])) {
            apps[part.app_count++] = i;
        }
    }
    for (const struct moved *moved = groups->moved; scripts && moved; moved = moved->next) {
        if (is_script_of(moved, site, name)) {
            scripts[part.script_count++] = moved->interpreter;
        }
    }
    if (!apps || !scripts) {
        error_set(err, ERR_MEMORY, "out of memory");
    } else {
        if (strcmp(name, CONFIG_PROCESS_SHARED) != 0 && part.app_count > 0) {
            part.process = process_of(site, &part);
            part.is_in_main = grouping_is_auto(&site->apps[apps[0]]);
        }
        config = config_view(site, &part, err);
    }
    free(apps);
    free(scripts);
    return config;
}

int grouping_mailbox(const struct groups *groups, const char *name) {
    const struct group *group = group_find(groups, name);
    return group && !group->is_broken ? group->mailbox[0] : -1;
}

/** An application of a configuration before is at home where the one of the same name is now. */
static const struct app_config *now(const struct groups *groups, const struct config *site,
                                    const struct app_config *app) {
    const struct app_config *same =
        site == groups->next ? NULL : config_find_app(groups->site, app->name);
    return same ? same : app;
}

struct home *grouping_homes(const struct groups *groups, const struct config *site) {
    struct home *homes = calloc(site->app_count + 1, sizeof *homes);
    for (size_t i = 0; homes && i <= site->app_count; i++) {
        const struct app_config *app =
            i < site->app_count ? now(groups, site, &site->apps[i]) : NULL;
        const char *name = app ? grouping_name(groups, app) : grouping_scripts_name(site);
        homes[i].process = name ? name : "";
        homes[i].mailbox_fd = grouping_mailbox(groups, homes[i].process);
        const struct moved *moved =
            app && grouping_is_auto(app) ? grouping_moved(groups, app->interpreter) : NULL;
        if (moved && !moved->is_pending) {
            homes[i].why = moved->why;
            homes[i].since_s = moved->since_s;
        }
    }
    return homes;
}

struct script_home *grouping_script_homes(const struct groups *groups, const char *own,
                                          size_t *ret_count) {
    struct script_home *homes = calloc(count_moves(groups) + 1, sizeof *homes);
    *ret_count = 0;
    for (const struct moved *moved = groups->moved; homes && moved; moved = moved->next) {
        bool is_known = !moved->is_pending || (own && strcmp(moved->group, own) == 0);
        if (moved->is_script && is_known) {
            homes[(*ret_count)++] = (struct script_home){
                .path = moved->interpreter,
                .home = {.process = moved->group,
                         .mailbox_fd = grouping_mailbox(groups, moved->group),
                         .why = moved->why,
                         .since_s = moved->since_s},
            };
        }
    }
    return homes;
}
