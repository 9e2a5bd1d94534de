/* Moves from the shared group to a group of their own: begun, in effect, taken back. */
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/placement_memory.h"

static bool reason_is_refusal(const char *finding) {
    return strncmp(finding, "refuses ", strlen("refuses ")) == 0;
}

static const struct replacement_wish s_left_behind = {
    .cause = "an extension keeps objects of an application that has moved",
    .seat = -1,
    .is_forced = true};

/** Whether its interpreter served, and extensions keep what is freed when it ends.  (A process in
 *  which that was found at the load is not used at all.) */
static bool leaves_state(const struct moved *moved) {
    return !moved->is_at_load && *moved->finding && !reason_is_refusal(moved->finding);
}

void group_publish_move(struct groups *groups, struct moved *moved) {
    struct group *shared = group_find(groups, CONFIG_PROCESS_SHARED);
    struct error err;
    moved->is_pending = false; /* the shared group's part is without it */
    struct config *part =
        shared ? grouping_part(groups, groups->site, CONFIG_PROCESS_SHARED, &err) : NULL;
    if (part) { /* else the next shared worker is refused once more */
        fleet_set_config(shared->fleet, part);
    }
    groups_tell_homes(groups, moved->group);
    if (shared && leaves_state(moved)) {
        fleet_replace(shared->fleet, &s_left_behind);
    }
    groups_memory_learn_move(groups, moved); /* the last: it waits for the disk */
}

void group_take_back_move(struct group *group) {
    const struct log_about about = {.app = group->name};
    log_line(LOG_ERROR, "worker.kept", &about,
             "does not load in a process of its own either; the code before goes on");
    groups_tell_stays(group->all, grouping_find_move(group->all, group->name)->interpreter);
    grouping_unmove(group->all, group->name);
    group_leave(group);
}

/** What was moved joins others in their group, which has it with its next worker. */
static void join_group(struct groups *groups, struct group *group, struct moved *moved) {
    struct error err;
    struct config *part = grouping_part(groups, groups->site, group->name, &err);
    if (part && group->fleet) {
        fleet_set_config(group->fleet, part);
    } else {
        config_free(part);
    }
    group_publish_move(groups, moved);
}

/** Start the group of what was moved. @param from  serves it until now */
static void begin_group(struct group *from, struct group *own, struct moved *moved) {
    struct groups *groups = from->all;
    bool is_pending = moved->is_pending;
    if (!is_pending) {
        group_publish_move(groups, moved);
    }
    if (!groups->next) {
        group_start(own, is_pending ? from : NULL);
    }
    if (is_pending && own->is_broken) {
        group_take_back_move(own);
    }
}

/**
 * Give an interpreter of the shared group a group of its own.
 * @param is_pending  the shared group serves its applications until the new group does
 * @return whether they have one
 */
static bool move(struct group *from, const char *interpreter, const struct reason *reason,
                 bool is_pending) {
    struct groups *groups = from->all;
    struct moved *moved = grouping_moved(groups, interpreter);
    struct error err;
    if (strcmp(from->name, CONFIG_PROCESS_SHARED) != 0 || groups->is_stopping) {
        return false;
    }
    if (moved) { /* another worker has met the same */
        if (moved->is_pending && !is_pending) {
            group_publish_move(groups, moved);
        }
        return true;
    }
    moved = grouping_move(groups, interpreter, reason);
    struct group *joined = moved && moved->shares ? group_find(groups, moved->group) : NULL;
    struct group *own = moved && !joined ? group_add(groups, moved->group, &err) : NULL;
    if (!own && !joined) {
        if (moved) {
            grouping_unmove(groups, moved->group);
        }
        return false;
    }
    moved->is_pending = is_pending && !moved->shares;
    const struct log_about about = {.app = interpreter};
    log_line(LOG_WARN, "app.placed", &about, "gets a process of %s, \"%s\": %s",
             moved->shares ? "the scripts" : "its own", moved->group, reason->why);
    if (joined) {
        join_group(groups, joined, moved);
    } else {
        begin_group(from, own, moved);
    }
    return true;
}

/** Applications that are not moved live in the main interpreter of their group: keep why. */
static void learn_main(const struct group *group, const char *interpreter,
                       const struct reason *reason) {
    const char *process =
        strcmp(group->name, CONFIG_PROCESS_SHARED) == 0 ? CONFIG_PROCESS_AUTO : group->name;
    groups_memory_learn(group->all, process, interpreter, reason);
}

bool group_refused(void *ctx, const char *interpreter, const char *why, const char *finding) {
    const struct reason reason = {why, finding, .is_at_load = true};
    bool is_moved = move(ctx, interpreter, &reason, false);
    if (!is_moved) {
        learn_main(ctx, interpreter, &reason);
    }
    return is_moved;
}

/** @return an application of the configuration in effect, or of the one being proved; or NULL */
static const struct app_config *find_app(const struct groups *groups, const char *name) {
    const struct app_config *config = config_find_app(groups->site, name);
    return config || !groups->next ? config : config_find_app(groups->next, name);
}

bool group_crashed(void *ctx, const char *app, const char *interpreter, const char *why) {
    struct group *group = ctx;
    struct groups *groups = group->all;
    char finding[CHANNEL_FINDING_BYTES] = "";
    const struct app_config *config = find_app(groups, app);
    if (config) { /* not a script */
        channel_name_finding(PLACEMENT_MEMORY_CRASHES, config->file, finding, sizeof finding);
    }
    const struct reason reason = {why, finding, .is_at_load = true};
    if (!move(group, interpreter, &reason, false)) {
        learn_main(group, interpreter, &reason);
        return false;
    }
    const struct group *own = group_find(groups, grouping_moved(groups, interpreter)->group);
    if (own && own->fleet) { /* there the next crash is the second */
        placement_crashed(fleet_placement(own->fleet), app, CONFIG_MAIN_INTERPRETER, true, why,
                          false);
    }
    return true;
}

bool group_move_asked(void *ctx, const char *interpreter, bool is_barred, const char *why,
                      const char *finding) {
    const struct reason reason = {why, finding, .is_at_load = false};
    bool is_moved = move(ctx, interpreter, &reason, !is_barred);
    if (!is_moved && *finding) {
        learn_main(ctx, interpreter, &reason);
    }
    return is_moved;
}

bool group_is_elsewhere(void *ctx, const char *app) {
    const struct group *group = ctx;
    const struct groups *groups = group->all;
    const struct app_config *config = find_app(groups, app);
    const struct moved *script = grouping_moved(groups, app);
    if (!config && script) {
        return strcmp(script->group, group->name) != 0;
    }
    return config && !grouping_loads(groups, group->name, config);
}
