/* What was learnt of applications in earlier starts of the host: applied, kept, forgotten. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/placement_learn.h"
#include "fcgi_host/supervisor/placement_memory.h"

enum {
    /** An extension that a request imports is not missed before so many requests: the page that
     *  needs it may be a rare one. */
    REQUESTS_TO_MISS = 100,
    TIME_BYTES = 32,
};

/* ---- The folder ---- */

int groups_memory_open(struct groups *groups, struct error *err) {
    char *folder = placement_folder(groups->site);
    if (!folder) {
        return 0;
    }
    const struct placement_memory_options options = {.folder = folder,
                                                     .python = groups->hooks.python_version};
    groups->memory = placement_memory_new(&options, err);
    free(folder);
    return groups->memory ? 0 : -1;
}

/* ---- Places ---- */

/** @return whether an application is the first one of its interpreter in its process, and that
 *          is no main interpreter, so that it is the one to ask by */
static bool is_first(const struct config *site, size_t index) {
    const struct app_config *app = &site->apps[index];
    size_t first = 0;
    while (!placement_is_in(&site->apps[first], app->process, app->interpreter)) {
        first++;
    }
    return first == index && strcmp(app->interpreter, CONFIG_MAIN_INTERPRETER) != 0;
}

/** @param[out] ret_place  to be cleared @return what is kept of an application's interpreter */
static const struct learnt *recall(const struct groups *groups, const struct config *site,
                                   const struct app_config *app, struct learnt_place *ret_place) {
    return placement_find_place(site, app->process, app->interpreter, ret_place)
               ? placement_memory_find(groups->memory, ret_place)
               : NULL;
}

/* ---- At the start ---- */

static void log_placed(const struct learnt *learnt, const char *what) {
    const struct log_about about = {.app = learnt->place.interpreter};
    char since[TIME_BYTES];
    json_time(learnt->since_s, since, sizeof since);
    log_line(LOG_INFO, "app.placed", &about, "%s, as was learnt %s: %s", what, since, learnt->why);
}

/** Give an interpreter a group of its own, which groups_add_missing() makes. */
static void move_as_learnt(struct groups *groups, const struct learnt *learnt) {
    char finding[CHANNEL_FINDING_BYTES];
    channel_name_finding(learnt->verdict, learnt->file, finding, sizeof finding);
    const struct reason reason = {learnt->why, finding, learnt->is_at_load};
    struct moved *moved = grouping_move(groups, learnt->place.interpreter, &reason);
    if (moved) { /* else it is the only one there: group_memory_apply() */
        moved->since_s = learnt->since_s;
        char what[NAME_MAX];
        snprintf(what, sizeof what, "gets a process of its own, \"%s\"", moved->group);
        log_placed(learnt, what);
    }
}

static bool has_interpreter(const struct config *site, const char *interpreter) {
    for (size_t i = 0; i < site->app_count; i++) {
        if (placement_is_in(&site->apps[i], CONFIG_PROCESS_AUTO, interpreter)) {
            return true;
        }
    }
    return false;
}

void groups_memory_apply(struct groups *groups, const struct config *site,
                         const struct config *before) {
    for (size_t i = 0; groups->memory && i < site->app_count; i++) {
        const struct app_config *app = &site->apps[i];
        if (!grouping_is_auto(app) || !is_first(site, i) ||
            (before && has_interpreter(before, app->interpreter))) {
            continue;
        }
        struct learnt_place place;
        const struct learnt *learnt = recall(groups, site, app, &place);
        if (learnt) {
            move_as_learnt(groups, learnt);
        }
        placement_place_clear(&place);
    }
}

/** Let an interpreter's applications live in the main one of their process. */
static void place_in_main(struct placement *placement, const struct app_config *app,
                          const struct learnt *learnt) {
    if (strcmp(learnt->verdict, PLACEMENT_MEMORY_CRASHES) == 0) { /* a guess */
        placement_crashed(placement, app->name, app->interpreter, false, learnt->why, false);
    } else {
        placement_move_to_main(placement, app->interpreter, learnt->why, NULL);
    }
    log_placed(learnt, "lives in the main interpreter");
}

/** @return whether an application of the site is in a sub-interpreter of a group's workers */
static bool is_sub(const struct group *group, const struct app_config *app) {
    const struct groups *groups = group->all;
    bool is_moved = grouping_is_auto(app) && grouping_moved(groups, app->interpreter);
    return !is_moved && grouping_loads(groups, group->name, app);
}

void group_memory_apply(const struct group *group) {
    const struct groups *groups = group->all;
    const struct config *site = groups->site;
    for (size_t i = 0; groups->memory && i < site->app_count; i++) {
        if (!is_sub(group, &site->apps[i]) || !is_first(site, i)) {
            continue;
        }
        struct learnt_place place;
        const struct learnt *learnt = recall(groups, site, &site->apps[i], &place);
        if (learnt) {
            place_in_main(fleet_placement(group->fleet), &site->apps[i], learnt);
        }
        placement_place_clear(&place);
    }
}

/* ---- Learning ---- */

int64_t groups_memory_learn(struct groups *groups, const char *process, const char *interpreter,
                            const struct reason *reason) {
    /* What is being loaded is of the configuration that is being proved, if there is one. */
    const struct config *const sites[] = {groups->next, groups->site};
    const char *blank = strchr(reason->finding, ' ');
    int64_t since_s = time(NULL);
    bool is_kept = !groups->memory || !blank;
    for (size_t k = 0; !is_kept && k < sizeof sites / sizeof sites[0]; k++) {
        struct learnt learnt = {.file = blank + 1,
                                .why = reason->why,
                                .is_at_load = reason->is_at_load,
                                .since_s = since_s};
        char *verdict = strndup(reason->finding, (size_t)(blank - reason->finding));
        learnt.verdict = verdict;
        if (sites[k] && verdict &&
            placement_find_place(sites[k], process, interpreter, &learnt.place)) {
            since_s = placement_memory_keep(groups->memory, &learnt);
            is_kept = true;
        }
        placement_place_clear(&learnt.place);
        free(verdict);
    }
    return since_s;
}

void groups_memory_learn_move(struct groups *groups, struct moved *moved) {
    const struct reason reason = {moved->why, moved->finding, moved->is_at_load};
    if (groups->memory) {
        moved->since_s =
            groups_memory_learn(groups, CONFIG_PROCESS_AUTO, moved->interpreter, &reason);
    }
}

/* ---- Forgetting ---- */

void groups_memory_forget_crash(struct groups *groups, const char *file) {
    const struct config *site = groups->site;
    for (size_t i = 0; groups->memory && i < site->app_count; i++) {
        struct learnt_place place = {0};
        const struct learnt *learnt =
            is_first(site, i) ? recall(groups, site, &site->apps[i], &place) : NULL;
        if (learnt && strcmp(learnt->verdict, PLACEMENT_MEMORY_CRASHES) == 0 &&
            strcmp(learnt->file, file) == 0) {
            placement_memory_forget(groups->memory, &place, "it crashes where it is alone, too");
        }
        placement_place_clear(&place);
    }
}

/** @return whether a process has a file (its real path) in memory, or may have it */
static bool has_mapped(pid_t pid, const char *path) {
    char name[64], *line = NULL;
    size_t room = 0, length = strlen(path);
    bool has_it = false;
    snprintf(name, sizeof name, "/proc/%ld/maps", (long)pid);
    FILE *maps = fopen(name, "re");
    if (!maps) {
        return true; /* that of another user: nothing is known */
    }
    for (ssize_t bytes; !has_it && (bytes = getline(&line, &room, maps)) > 0;) {
        size_t end = line[bytes - 1] == '\n' ? (size_t)bytes - 1 : (size_t)bytes;
        has_it = end > length && line[end - length - 1] == ' ' &&
                 memcmp(line + end - length, path, length) == 0;
    }
    free(line);
    fclose(maps);
    return has_it;
}

/** @return whether a group's workers, all of them with all applications, do without an extension
 *          module that its applications are there for */
static bool is_missed(const struct group *group, const struct learnt *learnt) {
    uint64_t done = 0;
    char *path = realpath(learnt->file, NULL);
    const struct worker_process *process = fleet_processes(group->fleet);
    bool is_missed = path && process;
    for (; is_missed && process; process = process->next) {
        is_missed =
            process->is_loaded && process->failed.count == 0 && !has_mapped(process->pid, path);
        done += scoreboard_work(process->board, NULL) / 2; /* requests, and a load or two */
    }
    free(path);
    return is_missed && (learnt->is_at_load || done >= REQUESTS_TO_MISS);
}

void group_memory_check(const struct group *group) {
    const struct groups *groups = group->all;
    const struct config *site = groups->site;
    if (!groups->memory || !group->fleet || group->is_leaving || groups->is_stopping) {
        return;
    }
    for (size_t i = 0; i < site->app_count; i++) {
        struct learnt_place place = {0};
        const struct learnt *learnt =
            is_first(site, i) && grouping_loads(groups, group->name, &site->apps[i])
                ? recall(groups, site, &site->apps[i], &place)
                : NULL;
        if (learnt && strcmp(learnt->verdict, PLACEMENT_MEMORY_CRASHES) != 0 &&
            is_missed(group, learnt)) {
            char why[PATH_MAX + 64];
            snprintf(why, sizeof why, "its processes do without %s now", learnt->file);
            placement_memory_forget(groups->memory, &place, why);
        }
        placement_place_clear(&place);
    }
}
