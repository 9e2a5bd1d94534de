/* Scripts that have process groups of their own: how many, and when these end. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "pool/base/clock.h"

/** Ending the process of a script that is used now and then would cost a start each time. */
#define UNUSED_NS (60 * CLOCK_NS_PER_S)

/** @return the script that has a group for itself; NULL: none has */
static struct moved *script_of(const struct group *group) {
    struct moved *moved = grouping_find_move(group->all, group->name);
    return moved && moved->is_script && !moved->shares && !group->is_leaving ? moved : NULL;
}

/** What the shared group's workers had of it is theirs again. */
static void end_group(struct group *group, const char *why) {
    struct groups *groups = group->all;
    const struct log_about about = {.app = group->name};
    log_line(LOG_INFO, "process.idle", &about, "its process ends: %s", why);
    const char *path = script_of(group)->interpreter;
    groups_tell_stays(groups, path);
    groups_tell_script_home(groups, path, CONFIG_PROCESS_SHARED);
    grouping_unmove(groups, group->name);
    group_leave(group);
}

static bool is_gone(const char *path) {
    return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

bool group_scripts_end_if_gone(struct group *group) {
    const struct moved *moved = script_of(group);
    if (!moved || group->all->is_stopping || !is_gone(moved->interpreter)) {
        return false;
    }
    end_group(group, "the script is not there any more");
    return true;
}

void group_scripts_end_gone(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        group_scripts_end_if_gone(group);
    }
}

/** @return when a worker began its last request, CLOCK_MONOTONIC; UINT64_MAX: it serves one, or
 *          still loads */
static uint64_t last_used_ns(const struct worker_process *process) {
    const struct scoreboard *board = process->board;
    uint64_t last_ns = process->serving_ms * CLOCK_NS_PER_MS;
    unsigned used = board ? atomic_load(&board->used) : 0;
    if (process->state != PROCESS_SERVING) {
        return UINT64_MAX;
    }
    for (unsigned i = 0; i < used; i++) {
        const struct scoreboard_slot *slot = &board->slots[i];
        uint64_t started_ns = atomic_load(&slot->started_ns);
        if (atomic_load(&slot->activity) != SLOT_IDLE) {
            return UINT64_MAX;
        }
        last_ns = started_ns > last_ns ? started_ns : last_ns;
    }
    return last_ns;
}

static uint64_t group_last_used_ns(const struct group *group) {
    const struct worker_process *process = group->fleet ? fleet_processes(group->fleet) : NULL;
    if (group->fleet && fleet_is_asleep(group->fleet)) {
        return 0;
    }
    uint64_t last_ns = process ? 0 : UINT64_MAX;
    for (; process; process = process->next) {
        uint64_t process_ns = last_used_ns(process);
        last_ns = process_ns > last_ns ? process_ns : last_ns;
    }
    return last_ns;
}

struct group *group_scripts_find_unused(const struct groups *groups, uint64_t now_ns) {
    struct group *unused = NULL;
    uint64_t oldest_ns = now_ns > UNUSED_NS ? now_ns - UNUSED_NS : 0;
    for (struct group *group = groups->first; group; group = group->next) {
        uint64_t used_ns = script_of(group) ? group_last_used_ns(group) : UINT64_MAX;
        if (used_ns < oldest_ns) {
            oldest_ns = used_ns;
            unused = group;
        }
    }
    return unused;
}

static unsigned count_groups(const struct groups *groups) {
    unsigned count = 0;
    for (const struct group *group = groups->first; group; group = group->next) {
        count += script_of(group) != NULL;
    }
    return count;
}

bool group_scripts_make_room(struct groups *groups) {
    unsigned most = groups->site->scripts_max_processes;
    group_scripts_end_gone(groups);
    if (count_groups(groups) < most) {
        return true;
    }
    struct group *unused = most > 0 ? group_scripts_find_unused(groups, clock_now_ns()) : NULL;
    if (unused) {
        end_group(unused, "it was idle longest, and another script needs one");
    }
    return unused != NULL;
}
