/* What was moved out of the shared group, because an extension refuses sub-interpreters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/supervisor/groups_internal.h"

struct moved *grouping_moved(const struct groups *groups, const char *interpreter) {
    struct moved *moved = groups->moved;
    while (moved && strcmp(moved->interpreter, interpreter) != 0) {
        moved = moved->next;
    }
    return moved;
}

bool grouping_is_auto(const struct app_config *app) {
    return strcmp(app->process, CONFIG_PROCESS_AUTO) == 0;
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

/** Of groups that may not be there yet, too. */
static bool is_taken_in(const struct groups *groups, const struct config *site, const char *name) {
    if (config_find_process(site, name)) {
        return true;
    }
    for (size_t i = 0; i < site->app_count; i++) {
        if (strcmp(grouping_name(groups, &site->apps[i]), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const struct groups *groups, const char *name) {
    if (strcmp(name, CONFIG_PROCESS_SHARED) == 0 || is_taken_in(groups, groups->site, name) ||
        (groups->next && is_taken_in(groups, groups->next, name))) {
        return true;
    }
    for (const struct group *group = groups->first; group; group = group->next) {
        if (strcmp(group->name, name) == 0) {
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
            if (grouping_is_auto(&sites[k]->apps[i]) &&
                strcmp(sites[k]->apps[i].interpreter, interpreter) == 0) {
                return sites[k];
            }
        }
    }
    return NULL;
}

static bool is_script_of_any(const struct groups *groups, const char *interpreter) {
    return grouping_is_script(groups->site, interpreter) ||
           (groups->next && grouping_is_script(groups->next, interpreter));
}

/** @return malloc'ed: the name of the group that scripts share which have none of their own */
static char *shared_name(const struct groups *groups) {
    const struct moved *moved = groups->moved;
    while (moved && !moved->shares) {
        moved = moved->next;
    }
    return moved ? strdup(moved->group) : free_name(groups, "scripts");
}

struct moved *grouping_move(struct groups *groups, const char *interpreter,
                            const struct reason *reason) {
    const struct config *site = site_with(groups, interpreter);
    bool is_script = !site && is_script_of_any(groups, interpreter);
    if (grouping_moved(groups, interpreter) || (!site && !is_script) ||
        (site && is_alone(groups, site, interpreter))) {
        return NULL;
    }
    struct moved *moved = calloc(1, sizeof *moved);
    if (moved) {
        moved->is_script = is_script;
        moved->shares = is_script && !group_scripts_make_room(groups);
        moved->interpreter = strdup(interpreter);
        moved->group = moved->shares ? shared_name(groups) : free_name(groups, interpreter);
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
    return moved;
}

bool grouping_is_script(const struct config *site, const char *interpreter) {
    size_t size = site->scripts_root ? strlen(site->scripts_root) : 0;
    return size > 0 && strncmp(interpreter, site->scripts_root, size) == 0 &&
           (size == 1 || interpreter[size] == '/');
}

struct moved *grouping_find_move(const struct groups *groups, const char *group) {
    struct moved *moved = groups->moved;
    while (moved && strcmp(moved->group, group) != 0) {
        moved = moved->next;
    }
    return moved;
}

void grouping_forget(struct moved **link) {
    struct moved *moved = *link;
    *link = moved->next;
    moved_free(moved);
}

void grouping_unmove(struct groups *groups, const char *group) {
    struct moved **link = &groups->moved;
    while (*link && strcmp((*link)->group, group) != 0) {
        link = &(*link)->next;
    }
    if (*link) {
        grouping_forget(link);
    }
}

void grouping_free(struct groups *groups) {
    while (groups->moved) {
        grouping_forget(&groups->moved);
    }
}
