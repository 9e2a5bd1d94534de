/**
 * What the parts share: grouping.c (which application is in which group), grouping_moves.c (what
 * was moved), group_moves.c (how), group_scripts.c (scripts that were), group.c (one group),
 * groups_messages.c (what workers are told of other groups), groups_config.c (SIGHUP),
 * groups_memory.c (what was learnt before), groups_rehearsal.c (what is tried beside),
 * groups_pressure.c (memory is short), groups_wake.c (groups that are asleep), groups_status.c
 * (what the status shows), groups.c (life).
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_GROUPS_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_GROUPS_INTERNAL_H

#include "fcgi_host/link/homes.h"
#include "fcgi_host/supervisor/groups.h"
#include "fcgi_host/supervisor/recent_reloads.h"
#include "fcgi_host/supervisor/reload_counts.h"

struct group {
    struct group *next;
    struct groups *all;
    char *name;
    struct config *config; /**< the part that it was started with */
    struct fleet *fleet;
    struct loop_source passed; /**< while it is asleep: what others send; else -1 */
    int mailbox[2];            /**< others send to [0], its workers receive from [1] */
    bool leaves_accepting;     /**< as its workers were told: CHANNEL_LISTEN */
    bool is_leaving;           /**< no application is at home here any more */
    bool has_ended;            /**< the last worker of a fleet that was told to stop has ended */
    bool is_broken;            /**< its fleet could not be made */
    bool cannot_start;         /**< no worker of it could start; it is tried again */
    bool is_ready;             /**< every worker has loaded once */
    size_t failed;             /**< applications that did not load then */
};

/** An interpreter of the shared group that has a group of its own, since it was refused there. */
struct moved {
    struct moved *next;
    char *interpreter, *group, *why; /**< interpreter: of a script its path */
    int64_t since_s;
    bool is_pending; /**< the shared group serves on until the new group does */
    char *finding;   /**< what was found of an extension (channel.h); "": nothing to be kept */
    bool is_at_load; /**< it was found while the applications were loaded */
    bool is_script;
    bool shares; /**< a script, with others of its kind (scripts_max_processes) */
};

/** Why applications cannot live in a sub-interpreter of their process. */
struct reason {
    const char *why, *finding; /**< as the worker has said: channel.h */
    bool is_at_load;           /**< it was found while they were loaded */
};

struct groups {
    struct loop *loop;
    struct groups_hooks hooks;
    int listen_fd;
    struct loop_source connections; /**< while all are asleep: connections that come; else -1 */
    struct config *site;            /**< in effect */
    struct config *next;            /**< the first group is being replaced under it; NULL: none */
    struct group *first;
    struct moved *moved;
    struct lifeline *lifeline;        /**< NULL: none could be made */
    struct placement_memory *memory;  /**< NULL: nothing is kept */
    struct memory_pressure *pressure; /**< NULL: this kernel does not tell */
    struct rehearsal *rehearsal;      /**< of an application that is tried now; NULL: none is */
    struct config *rehearsed;         /**< that it is of; NULL: none */
    size_t rehearsed_count;           /**< its applications that have had their turn */
    struct reload_counts reloads;
    struct recent_reloads recent;
    uint64_t started_ms; /**< CLOCK_MONOTONIC; 0: host.ready was logged */
    bool is_serving, is_stopping, has_ended;
    uint64_t stop_at_ms;    /**< once stopping: CLOCK_MONOTONIC */
    struct config *waiting; /**< read while `next` is being proved; the last one counts */
    /** groups_reconfigure() */
    void (*done)(void *ctx, const struct replacement_result *result);
    void *done_ctx;
};

/* ---- grouping.c ---- */

/** @return the name of the group that an application of a site is at home in */
const char *grouping_name(const struct groups *groups, const struct app_config *app);
/** @return whether a group of this name loads an application: it is at home there, or will be */
bool grouping_loads(const struct groups *groups, const char *name, const struct app_config *app);
/** The group that scripts belong to; NULL: the site has no scripts. */
const char *grouping_scripts_name(const struct config *site);
/** @return the part of a site that a group of this name serves; NULL: ERR_MEMORY */
struct config *grouping_part(const struct groups *groups, struct config *site, const char *name,
                             struct error *err);
/** @return whether a group of this name has something to serve */
bool grouping_has(const struct groups *groups, const struct config *site, const char *name);
/** @return where to send to a group; -1: it cannot be sent to, or is not there */
int grouping_mailbox(const struct groups *groups, const char *name);
/** @return one home for each application of a site, and one for scripts; NULL: out of memory */
struct home *grouping_homes(const struct groups *groups, const struct config *site);
/** @return one for each script that is not where the others are, as a worker of this group knows
 *          it (NULL: of another one); NULL: there is none, or out of memory */
struct script_home *grouping_script_homes(const struct groups *groups, const char *own,
                                          size_t *ret_count);

/* ---- grouping_moves.c ---- */

/**
 * An interpreter of the shared group gets a group of its own; of a script, it may be one that
 * others have.
 * @return the move; NULL: it stays, since it is the only one there, or no memory is left
 */
struct moved *grouping_move(struct groups *groups, const char *interpreter,
                            const struct reason *reason);
/** @return the move of an interpreter; NULL: it has not been moved */
struct moved *grouping_moved(const struct groups *groups, const char *interpreter);
/** @return what was moved to a group; NULL: the group is not there by a move */
struct moved *grouping_find_move(const struct groups *groups, const char *group);
/** Take a move out of the list. @param link  what points to it */
void grouping_forget(struct moved **link);
/** Take a move back. */
void grouping_unmove(struct groups *groups, const char *group);
void grouping_free(struct groups *groups);
/** @return whether an application is in the shared group unless it is moved */
bool grouping_is_auto(const struct app_config *app);
/** @return whether it is the path of a script of this site */
bool grouping_is_script(const struct config *site, const char *interpreter);

/* ---- group_scripts.c ---- */

/** Make room for one more script that has a group of its own: end one that is not used.
 *  @return whether there is room; false: it is to share one */
bool group_scripts_make_room(struct groups *groups);
/** @return the group of a script that was idle longest, and long enough; NULL: none was
 *  @param now_ns  CLOCK_MONOTONIC */
struct group *group_scripts_find_unused(const struct groups *groups, uint64_t now_ns);
/** End the groups of scripts that are not there any more. */
void group_scripts_end_gone(struct groups *groups);
/** End the group of a script, if its file is gone. @return whether it was */
bool group_scripts_end_if_gone(struct group *group);

/* ---- group.c ---- */

/** @return the group of this name that does not leave, or NULL */
struct group *group_find(const struct groups *groups, const char *name);
/** A group with a mailbox, whose fleet is yet to be started; appended. @return NULL: ERR_SYSTEM,
 *  ERR_MEMORY */
struct group *group_add(struct groups *groups, const char *name, struct error *err);
/** Start its fleet; that it cannot be started is logged.
 *  @param before  the group that serves its applications until then; NULL: none */
void group_start(struct group *group, const struct group *before);
/** The host stops: its workers finish what they have, one that is asleep gets one for what waits.
 *  @param is_waiting  for it, or for no group in particular: connections that nobody has accepted
 */
void group_stop(struct group *group, bool is_waiting);
/** @return whether another group has passed something that no worker has taken */
bool group_has_passed_waiting(const struct group *group);
/** No application is at home in it any more: its workers, if it has some, finish what they have and
 *  end. */
void group_leave(struct group *group);
/** Every process must have ended. */
void group_free(struct group *group);
/** @return the group that an application, or a script, is at home in; NULL: none */
struct group *group_of_app(const struct groups *groups, const char *app);
/** @return the group of a process */
const struct group *group_with(const struct groups *groups, const struct worker_process *process);

/* ---- group_moves.c ---- */

/** What was moved is at home in its group from now on. */
void group_publish_move(struct groups *groups, struct moved *moved);
/** The group of what was moved has its first worker, which has not loaded all of it. */
void group_take_back_move(struct group *group);
/** fleet_hooks.refused, .crashed, .move, .is_elsewhere @param ctx  struct group * */
bool group_refused(void *ctx, const char *interpreter, const char *why, const char *finding);
bool group_crashed(void *ctx, const char *app, const char *interpreter, const char *why);
bool group_move_asked(void *ctx, const char *interpreter, bool is_barred, const char *why,
                      const char *finding);
bool group_is_elsewhere(void *ctx, const char *app);

/* ---- groups_messages.c ---- */

/** Tell every worker which applications are at home in a group. */
void groups_tell_homes(struct groups *groups, const char *name);
/** Tell every worker what has another home than under a configuration before.
 *  @param homes  of its applications then */
void groups_tell_changed_homes(struct groups *groups, const struct config *before,
                               const struct home *homes);
/** Tell every worker where a script is at home. @param process  the group's name */
void groups_tell_script_home(struct groups *groups, const char *path, const char *process);
/** Tell every worker that no other process takes the applications of an interpreter. */
void groups_tell_stays(struct groups *groups, const char *interpreter);
/** Whether another group accepts connections for this one. */
bool group_leaves_accepting(const struct group *group);
/** Other groups accept while no worker of the front does: tell those that do not know. */
void groups_share_accepting(struct groups *groups);
/** Tell workers that nothing is passed any more, if that is so. */
void groups_tell_no_more(struct groups *groups);
/** What was passed to a group that has ended goes to another one, which knows where it belongs. */
void group_rescue_passed(const struct group *ended);

/* ---- groups_wake.c ---- */

/** Watch for what is to start a worker of groups that are asleep, as far as it is not watched. */
void groups_watch_sleepers(struct groups *groups);
/** @return whether nobody accepts connections, and a group that is asleep could */
bool groups_need_waking(const struct groups *groups);
/** The host stops, and nothing more comes for groups that are asleep but what was passed to them.
 */
void groups_stop_sleepers(struct groups *groups);
/** Watch nothing of a group: it is about to be freed. */
void group_unwatch(struct group *group);
/** Start a worker of a group that is asleep. */
void group_wake(struct group *group, const char *why);
/** Start one that accepts connections. */
void groups_wake_for_connections(struct groups *groups);

/* ---- groups_pressure.c ---- */

/** When memory is short, let workers give back their spares, and groups that are asleep their
 *  template. */
void groups_pressure_open(struct groups *groups);

/* ---- groups_status.c ---- */

/** A worker of a group has said CHANNEL_RELOAD_ENDED: count, keep and tell it. */
void group_note_reload(const struct group *group, const struct worker_process *process,
                       const struct channel_message *message);
/** A replacement of a group's workers has ended: it counts for each of its applications. */
void group_note_replacement(const struct group *group, const struct replacement_result *result);

/* ---- groups_memory.c ---- */

/** Open what is kept from earlier starts, if a folder for it is configured.
 *  @return 0, or -1: ERR_MEMORY */
int groups_memory_open(struct groups *groups, struct error *err);
/** Give groups of their own to interpreters of the shared group that were found before to need one.
 *  @param before  another configuration, in effect, whose interpreters stay where they are; NULL */
void groups_memory_apply(struct groups *groups, const struct config *site,
                         const struct config *before);
/** The same of those that need the main interpreter of the group that they are in, before its
 *  fleet starts. */
void group_memory_apply(const struct group *group);
/** Keep why an interpreter's applications, which `process` (as configured) has, cannot live in a
 *  sub-interpreter. @return since when it is known; now, if it was not */
int64_t groups_memory_learn(struct groups *groups, const char *process, const char *interpreter,
                            const struct reason *reason);
/** What was moved is where it stays: keep why. */
void groups_memory_learn_move(struct groups *groups, struct moved *moved);
/** The application of this file has crashed where it was alone, too. */
void groups_memory_forget_crash(struct groups *groups, const char *file);
/** The workers of a group have loaded, or are about to end: forget why its applications are there
 *  if it was an extension that they do not load any more. */
void group_memory_check(const struct group *group);

/* ---- groups_rehearsal.c ---- */

/** All have loaded: rehearse those that want it, one after the other, in the background. */
void groups_rehearse(struct groups *groups);
/** End the rehearsal that is going on, if there is one; no other begins. */
void groups_rehearse_no_more(struct groups *groups);

/* ---- groups_config.c ---- */

/** Add groups that have something to serve under a site and are not there yet. */
int groups_add_missing(struct groups *groups, const struct config *site, struct error *err);
/** Start the fleets of groups that have none. */
void groups_start_new(struct groups *groups);
/** fleet_hooks.config_changed @param ctx  struct group * */
void groups_config_proven(void *ctx, const struct config *before, const struct config *config);

#endif
