/**
 * The process groups of a host, each with a fleet of workers of its own: which application is in
 * which group, and what concerns all groups.
 *
 *   shared   every application with `process = auto`, and the scripts; as many workers as
 *            [fcgi_host] says
 *   NAME     the applications that say `process = NAME`
 *   (own)    one application that says `process = own`; or one that was in the shared group until
 *            an extension refused its sub-interpreter there, beside those that share its interpreter
 *
 * A crash, a replacement, a reload concern one group.  The shared group's workers accept
 * connections, those of every group while no shared one does; the worker that reads a request of
 * another group's application passes the connection (link/homes.h).
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_GROUPS_H
#define FCGI_HOST_SUPERVISOR_GROUPS_H

#include <stdbool.h>

#include "fcgi_host/link/rehearsal.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/fleet.h"

struct groups;
struct reload_count;
struct recent_reloads;

struct groups_hooks {
    void *ctx;
    worker_run_function *run_worker; /**< a child's main() */
    template_run_function *run_template;
    rehearse_function *rehearse; /**< what a process that tries an application runs */
    const char *python_version;  /**< the workers' */
    /* As in struct fleet_hooks. */
    void (*message)(void *ctx, struct worker_process *process,
                    const struct channel_message *message);
    void (*gone)(void *ctx, struct worker_process *process);
    void (*serving)(void *ctx);
    /** An application may be served from now on that was not, by some worker. */
    void (*may_serve)(void *ctx);
    /** A reload in a worker has ended. @param outcome  REPLACED: another worker is needed for it */
    void (*reloaded)(void *ctx, const char *app, enum reload_outcome outcome);
    /** A replacement of workers has ended. @param outcome  REPLACED or KEPT */
    void (*replaced)(void *ctx, enum reload_outcome outcome);
    /** A group has left: its fleet is about to be freed; NULL: it never had one. */
    void (*fleet_gone)(void *ctx, const struct fleet *fleet);
    void (*given_up)(void *ctx, const char *file);
    /** After groups_stop(): the last worker has ended. Or no worker could ever start: status 1. */
    void (*ended)(void *ctx, int exit_status);
    void (*in_child)(void *ctx);
    /** The configuration in effect has changed; the one before it may be freed after this. */
    void (*config_changed)(void *ctx, const struct config *before, const struct config *config);
};

/** @param site  the whole configuration, the caller's; the groups keep references to it
 *  @return the groups, nothing started, or NULL: ERR_SYSTEM, ERR_MEMORY */
struct groups *groups_new(struct loop *loop, struct config *site, int listen_fd,
                          const struct groups_hooks *hooks, struct error *err);
/** Every process must have ended. NULL is fine. */
void groups_free(struct groups *groups);

void groups_start(struct groups *groups);
/** SIGCHLD: workers may have ended, and orphans that this process has inherited. */
void groups_reap(struct groups *groups);
/** fleet_stop() for each. */
void groups_stop(struct groups *groups, unsigned timeout_s, bool are_connections_waiting);
void groups_kill(struct groups *groups);
bool groups_are_stopping(const struct groups *groups);

/** Whether there is no worker: the first request starts one. */
bool groups_are_asleep(const struct groups *groups);

/** The configuration in effect, the whole. */
const struct config *groups_config(const struct groups *groups);
/** @return the worker process after this one (NULL: the first), of any group; NULL: no more */
struct worker_process *groups_next_process(const struct groups *groups,
                                           const struct worker_process *process);
/** The last replacement of any group. */
const struct fleet_last *groups_last(const struct groups *groups);

/** A command waits for workers: see whether they answer (liveness.h). */
void groups_suspect(struct groups *groups);
/** Drop the callbacks of replacements that have this `ctx`: it is about to be freed. */
void groups_forget(struct groups *groups, const void *ctx);
/** Try an application, or all (NULL), again that had been given up. */
void groups_retry(struct groups *groups, const char *app);
/** Replace every worker of the groups in which an application was given up. */
void groups_replace_failed(struct groups *groups, const char *cause);

/** @return whether it is an application of the site, or may be a script ("/…") */
bool groups_knows(const struct groups *groups, const char *app);
/** @param words  a command, and the applications that it names
 *  @return the first name that is no application, or NULL */
const char *groups_unknown_name(const struct groups *groups, const struct string_list *words);
/** @param words  as above
 *  @return whether a fleet serves one of the named applications; any, if none is named */
bool groups_concern(const struct groups *groups, const struct fleet *fleet,
                    const struct string_list *words);
/** @return the fleet that an application of the site, or a script ("/…"), is served by */
struct fleet *groups_fleet_of(const struct groups *groups, const char *app);
/** Start a worker for an application whose process group is asleep. @param why  for the log */
void groups_wake(struct groups *groups, const char *app, const char *why);
/** @return the name of the group of a process */
const char *groups_name_with(const struct groups *groups, const struct worker_process *process);
/** @param[out] ret_config  its part of the configuration
 *  @return the name of the `index`-th process group that is asleep; NULL: there is none */
const char *groups_asleep(const struct groups *groups, size_t index,
                          const struct config **ret_config);
/** What the workers of a process group are forked from. */
struct groups_template {
    const char *process; /**< the group's name */
    pid_t pid;
    unsigned modules; /**< that it has imported */
    uint64_t rss_bytes;
};
/** @return whether there is an `index`-th one */
bool groups_template(const struct groups *groups, size_t index,
                     struct groups_template *ret_template);
/** The processes of a process group. */
struct groups_process {
    const char *process;                      /**< the group's name */
    unsigned workers;                         /**< those that come and go included */
    uint64_t resident_bytes, anonymous_bytes; /**< of all, and of its template (memory.h) */
};
/** @return whether there is an `index`-th group */
bool groups_process(const struct groups *groups, size_t index, struct groups_process *ret_process);
/** @return the counts of the reloads of every application so far, a list; NULL: there is none */
const struct reload_count *groups_reload_counts(struct groups *groups);
/** @return the last reloads of all applications */
const struct recent_reloads *groups_recent_reloads(const struct groups *groups);
/** @return the fleet after this one (NULL: the first); NULL: no more */
struct fleet *groups_next_fleet(const struct groups *groups, const struct fleet *fleet);

/**
 * Take up a new configuration: the first group is replaced under it; when its workers have loaded,
 * it is in effect, and the other groups follow.
 * @param site  taken over
 * @param done  called once
 */
void groups_reconfigure(struct groups *groups, struct config *site,
                        void (*done)(void *ctx, const struct replacement_result *result),
                        void *ctx);

#endif
