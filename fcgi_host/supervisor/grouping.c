/* Which application is in which process group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/config/view.h"
#include "fcgi_host/supervisor/groups_internal.h"

struct moved *grouping_moved(const struct groups *groups, const char *interpreter) {
    struct moved *moved = groups->moved;
    while (moved && strcmp(moved->interpreter, interpreter) != 0) {
        moved = moved->next;
    }
    return moved;
}

static bool is_auto(const struct app_config *app) {
    return strcmp(app->process, CONFIG_PROCESS_AUTO) == 0;
}

const char *grouping_name(const struct groups *groups, const struct app_config *app) {
    if (!is_auto(app)) {
        return strcmp(app->process, CONFIG_PROCESS_OWN) == 0 ? app->name : app->process;
    }
    const struct moved *moved = grouping_moved(groups, app->interpreter);
    return moved && !moved->is_pending ? moved->group : CONFIG_PROCESS_SHARED;
}

bool grouping_loads(const struct groups *groups, const char *name, const struct app_config *app) {
    const struct moved *moved = is_auto(app) ? grouping_moved(groups, app->interpreter) : NULL;
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

bool grouping_has(const struct groups *groups, const struct config *site, const char *name) {
    for (size_t i = 0; i < site->app_count; i++) {
        if (grouping_loads(groups, name, &site->apps[i])) {
            return true;
        }
    }
    return has_scripts(site, name);
}

struct config *grouping_part(const struct groups *groups, struct config *site, const char *name,
                             struct error *err) {
    size_t *apps = calloc(site->app_count + 1, sizeof *apps);
    struct config_part part = {.apps = apps, .has_scripts = has_scripts(site, name)};
    if (!apps) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < site->app_count; i++) {
        if (grouping_loads(groups, name, &site->apps[i])) {
            apps[part.app_count++] = i;
        }
    }
    if (strcmp(name, CONFIG_PROCESS_SHARED) != 0) {
        const struct app_config *first = &site->apps[apps[0]];
        const struct process_config *section = config_find_process(site, first->process);
        part.process = section ? section : &first->own;
        part.is_in_main = is_auto(first);
    }
    struct config *config = config_view(site, &part, err);
    free(apps);
    return config;
}

static int mailbox_of(const struct groups *groups, const char *name) {
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
        homes[i].mailbox_fd = mailbox_of(groups, homes[i].process);
        const struct moved *moved =
            app && is_auto(app) ? grouping_moved(groups, app->interpreter) : NULL;
        if (moved && !moved->is_pending) {
            homes[i].why = moved->why;
            homes[i].since_s = moved->since_s;
        }
    }
    return homes;
}

/** Whether the shared group has nothing but this interpreter. */
static bool is_alone(const struct groups *groups, const struct config *site,
                     const char *interpreter) {
    for (size_t i = 0; i < site->app_count; i++) {
        if (strcmp(grouping_name(groups, &site->apps[i]), CONFIG_PROCESS_SHARED) == 0 &&
            strcmp(site->apps[i].interpreter, interpreter) != 0) {
            return false;
        }
    }
    return !site->scripts_root;
}

static bool is_taken(const struct groups *groups, const char *name) {
    if (strcmp(name, CONFIG_PROCESS_SHARED) == 0 || config_find_process(groups->site, name)) {
        return true;
    }
    for (const struct group *group = groups->first; group; group = group->next) {
        if (strcmp(group->name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < groups->site->app_count; i++) { /* of which no group may be there yet */
        if (strcmp(grouping_name(groups, &groups->site->apps[i]), name) == 0) {
            return true;
        }
    }
    return false;
}

/** @return malloc'ed: the interpreter's name, or one that is not taken */
static char *free_name(const struct groups *groups, const char *interpreter) {
    char *name = strdup(interpreter);
    for (unsigned i = 2; name && is_taken(groups, name); i++) {
        free(name);
        if (asprintf(&name, "%s-%u", interpreter, i) < 0) {
            name = NULL;
        }
    }
    return name;
}

static void moved_free(struct moved *moved) {
    if (moved) {
        free(moved->interpreter);
        free(moved->group);
        free(moved->why);
        free(moved->finding);
        free(moved);
    }
}

/** @return the reason without a traceback that follows it, malloc'ed */
static char *short_reason(const char *why) {
    const char *traceback = strstr(why, ": Traceback");
    return strndup(why, traceback ? (size_t)(traceback - why) : strcspn(why, "\n"));
}

/** @return the configuration that has the interpreter in the shared group, in effect or being
 *  proved; NULL: neither (of a script, perhaps) */
static const struct config *site_with(const struct groups *groups, const char *interpreter) {
    const struct config *const sites[] = {groups->site, groups->next};
    for (size_t k = 0; k < sizeof sites / sizeof sites[0]; k++) {
        for (size_t i = 0; sites[k] && i < sites[k]->app_count; i++) {
            if (is_auto(&sites[k]->apps[i]) &&
                strcmp(sites[k]->apps[i].interpreter, interpreter) == 0) {
                return sites[k];
            }
        }
    }
    return NULL;
}

const char *grouping_move(struct groups *groups, const char *interpreter,
                          const struct reason *reason) {
    const struct config *site = site_with(groups, interpreter);
    if (!site || grouping_moved(groups, interpreter) || is_alone(groups, site, interpreter)) {
        return NULL;
    }
    struct moved *moved = calloc(1, sizeof *moved);
    if (moved) {
        moved->interpreter = strdup(interpreter);
        moved->group = free_name(groups, interpreter);
        moved->why = short_reason(reason->why);
        moved->finding = strdup(reason->finding);
        moved->is_at_load = reason->is_at_load;
        moved->since_s = time(NULL);
    }
    if (!moved || !moved->interpreter || !moved->group || !moved->why || !moved->finding) {
        moved_free(moved);
        return NULL;
    }
    moved->next = groups->moved;
    groups->moved = moved;
    return moved->group;
}

struct moved *grouping_find_move(const struct groups *groups, const char *group) {
    struct moved *moved = groups->moved;
    while (moved && strcmp(moved->group, group) != 0) {
        moved = moved->next;
    }
    return moved;
}

void grouping_unmove(struct groups *groups, const char *group) {
    struct moved **link = &groups->moved;
    while (*link && strcmp((*link)->group, group) != 0) {
        link = &(*link)->next;
    }
    if (*link) {
        struct moved *moved = *link;
        *link = moved->next;
        moved_free(moved);
    }
}

void grouping_free(struct groups *groups) {
    while (groups->moved) {
        struct moved *moved = groups->moved;
        groups->moved = moved->next;
        moved_free(moved);
    }
}
