/**
 * A worker process as the supervisor sees it.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_WORKER_PROCESS_H
#define FCGI_HOST_SUPERVISOR_WORKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/homes.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

struct seat;
struct template;
struct worker_order;

enum process_state {
    PROCESS_LOADING,  /**< no ACCEPT yet */
    PROCESS_SERVING,  /**< ACCEPT was sent */
    PROCESS_DRAINING, /**< STOP was sent */
    PROCESS_DOOMED,   /**< was killed by the supervisor: its end is no crash */
};

/** One that has not answered for so many turns (liveness.c) does not count as accepting. */
enum { PROCESS_SILENT_TURNS = 2 };

struct worker_process {
    struct worker_process *next; /**< in the list of all */
    struct seat *seat;
    pid_t pid;
    enum process_state state;
    bool is_loaded;              /**< LOADED has come */
    bool is_refused;             /**< REFUSED has come: the worker was a probe */
    bool is_overdue;             /**< killed because it did not load in time */
    bool has_stopped;            /**< STOPPED has come: it begins no request any more */
    bool is_dry;                 /**< DRY has come: it passes nothing to other groups any more */
    bool is_let_go;              /**< NO_MORE was sent */
    bool is_paused;              /**< PAUSE was sent: it accepts no connections */
    unsigned unanswered;         /**< turns since an unanswered CHANNEL_PING (liveness.c) */
    uint64_t work_seen;          /**< what its threads had done by then (liveness.c) */
    struct string_list failed;   /**< applications that did not load */
    struct string_list failures; /**< "APPLICATION\nwhy", the last line of the error */
    struct string_list loaded;   /**< those that did; no scripts */
    bool found_in_use;           /**< one of them found a port or lock taken */
    bool is_warm;                /**< it was forked from a template */
    uint64_t serving_ms;         /**< since when it accepts, CLOCK_MONOTONIC; 0: not yet */
    struct loop_source channel;
    struct channel_end end;          /**< of the channel, for channel_tell() */
    struct loop_timer deadline;      /**< to load, or to drain */
    struct loop_timer accept_anyway; /**< until it accepts though something still loads */
    struct loop_timer age;           /**< until it has served for max_age_s */
    struct string_list logs;         /**< config_add_log_targets() */
    struct scoreboard *board;
    uint64_t work_at_look;   /**< scoreboard_work() then (fleet_scaling.c) */
    int last_words_fd;       /**< a memory file that faulthandler writes to */
    struct balance *balance; /**< that the process is a member of, or NULL */
    int balance_member;
};

struct worker_process_start {
    const struct config *config;
    struct neighbourhood neighbourhood;
    const struct placement *placement;
    struct slowdown *slowdown;
    struct lifeline *lifeline; /**< NULL: none */
    bool is_candidate;         /**< `config` is not in effect yet */
    int listen_fd;
    int modules_fd;            /**< as in struct worker_start */
    bool is_one_of_many;       /**< wsgi.multiprocess */
    bool makes_no_spares;      /**< as in struct worker_start */
    struct balance *balance;   /**< NULL: none */
    struct template *template; /**< that is ready to fork it; NULL: it is forked here */
    /** template_fork() */
    pid_t (*fork_from)(struct template *template, const struct worker_order *order,
                       struct error *err);
    const char *cold_why; /**< why there is none */
    worker_run_function *run_worker;
    /** In the child: close what belongs to the supervisor. */
    void (*in_child)(void *ctx);
    void *ctx;
};

/** In a child of this process: become what the configuration says, or exit.  For a worker, and for
 *  what workers are forked from. */
void worker_process_enter(const struct worker_process_start *start, pid_t supervisor);
/** What a worker is given that does not differ from one to the next; no descriptors. */
void worker_process_describe(const struct worker_process_start *start,
                             struct worker_start *ret_start);
/** @return the number of start->neighbourhood.homes, if there are any */
size_t worker_process_home_count(const struct worker_process_start *start);

/** Fork, or have the template fork. @return the process (its channel not watched yet), or NULL:
 * ERR_SYSTEM, ERR_MEMORY
 *  @owns the caller: worker_process_free(), after it has ended */
struct worker_process *worker_process_start(const struct worker_process_start *start,
                                            struct error *err);
void worker_process_free(struct worker_process *process);

/** Note that an application did not load, or that it did, whatever was noted before.
 *  @param why  the error's text, of which the last line is kept; NULL: there is none */
void worker_process_add_failed(struct worker_process *process, const char *app, const char *why);
void worker_process_add_loaded(struct worker_process *process, const char *app);
/** @return the last line of the error of an application that did not load; "": unknown */
const char *worker_process_failure(const struct worker_process *process, const char *app);
/** Move the list of those to another process. */
void process_move_failed(struct worker_process *from, struct worker_process *to);
bool worker_process_has_failed(const struct worker_process *process, const char *app);
bool worker_process_has_loaded(const struct worker_process *process, const char *app);

#endif
