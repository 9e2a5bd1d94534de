/**
 * The places of the workers, and what can be done to a worker: start it, let it accept, drain it,
 * kill it.  The fleet (fleet.h) and the replacements (replacement.h) decide which of these is done,
 * and when.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SEAT_H
#define FCGI_HOST_SUPERVISOR_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/link/backoff.h"
#include "fcgi_host/link/balance.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/worker_process.h"
#include "pool/base/error.h"

/** A place for a worker. */
struct seat {
    struct seats *all;
    unsigned index;
    struct worker_process *current; /**< serves, or loads when there was none before it */
    struct worker_process *coming;  /**< loads, to take the place of `current` */
    struct backoff backoff;
    struct loop_timer refill; /**< while the seat is empty: when seat_fill() is called */
    unsigned failed_starts;   /**< in a row, without an application to blame */
};

struct seats_options {
    struct loop *loop;
    int listen_fd;
    worker_run_function *run_worker; /**< a child's main() */
    template_run_function *run_template;
    /** In a new child: close what is the supervisor's. */
    void (*in_child)(void *ctx);
    void *in_child_ctx;
    /** A worker has sent a message. Its descriptor, if it has one, is to be closed. */
    void (*message)(void *ctx, struct worker_process *process,
                    const struct channel_message *message);
    /** The first worker accepts. Called once. */
    void (*serving)(void *ctx);
    /** A worker accepts. */
    void (*accepting)(void *ctx);
    /** A worker has served for max_age_s, or once more for so long. */
    void (*aged)(void *ctx, struct worker_process *process);
    struct lifeline *lifeline; /**< NULL: workers learn of this process's end by SIGKILL */
    /** What a worker with this configuration knows of other groups; its homes are to be freed.
     * NULL:
     *  there are none. */
    void (*neighbourhood)(void *ctx, const struct config *config,
                          struct neighbourhood *ret_neighbourhood);
    void *ctx;
};

/** All seats of a host, and what every worker is started with. */
struct seats {
    struct seats_options options;
    struct seat *items; /**< CONFIG_MAX_WORKERS of them */
    unsigned count;     /**< of those that are in use */
    struct worker_process *processes;
    const struct config *config; /**< in effect */
    struct placement *placement;
    struct slowdown *slowdown;
    struct balance *balance;   /**< of workers to come; NULL: one worker, or none could be made */
    struct template *template; /**< that workers may be forked from; the fleet's; NULL: none */

    bool makes_no_spares; /**< a worker's spare has harmed it (CHANNEL_SPARE_HARMED) */
    bool is_leaving;      /**< only this process group ends: others accept what waits */
    bool is_closed;       /**< the host stops: no worker is started any more */
    bool has_served;
};

/** @param config  the caller's, valid until another takes its place
 *  @return no seat in use, or NULL: ERR_MEMORY */
struct seats *seats_new(const struct seats_options *options, const struct config *config,
                        struct error *err);
/** Every process must have ended. NULL is fine. */
void seats_free(struct seats *seats);

/** What a worker with this configuration is started with, but for a predecessor and a template;
 * give
 *  it to seats_forget_start(). */
void seats_describe_start(struct seats *seats, const struct config *config,
                          struct worker_process_start *ret_start);
/** Free what that has allocated. */
void seats_forget_start(struct worker_process_start *start);

/** Start a worker for a seat; the caller makes it `current` or `coming`.
 *  @param predecessor  a worker that serves what this one loads: the new one asks for no less than
 *                      what requests have imported there (CHANNEL_MODULES); NULL: none
 *  @param cause        for the log; NULL: none
 *  @return NULL: no worker could be started, which has been logged */
struct worker_process *seat_launch(struct seat *seat, const struct config *config,
                                   struct worker_process *predecessor, const char *cause);
/** Start a worker for an empty seat, or try again later.
 *  @param predecessor  of another fleet: as for seat_launch() */
void seat_fill_after(struct seat *seat, struct worker_process *predecessor);
/** The same without a predecessor (a loop_timer's callback). @param ctx  struct seat * */
void seat_fill(void *ctx);

/** Let a worker accept connections. One that accepts already, or is to go, is left alone. */
void seat_accept(struct worker_process *process);
/**
 * Tell a worker to finish what it has and go; it is killed when it takes too long.
 * @param successor  takes its idle connections; NULL: no other worker accepts after this one
 */
void seat_drain(struct worker_process *process, struct worker_process *successor,
                uint64_t timeout_ms);
/**
 * The same before a successor is started: connections wait in the listening socket's backlog.
 * @return the socket that the worker's idle connections come from, for seat_adopt(); -1: none
 * @owns the caller: close()
 */
int seat_end(struct worker_process *process, uint64_t timeout_ms);
/** Give a worker what seat_end() returned. */
void seat_adopt(struct worker_process *process, int fd);
/** Tell a worker that the next generation of an application found a port or lock in use. */
void seat_suggest_restart(struct worker_process *process, const char *app);
/** Let a worker that loads in an empty seat accept in a while, though something still loads. */
void seat_be_patient(struct worker_process *process);
/** Whether a worker must have ended before another one loads: an application has
 *  `reload = restart`. */
bool seat_ends_first(const struct config *config);
/** Whether the memory that the host may use has room for one more worker like this one. */
bool seat_has_room_for(const struct worker_process *process);
/** The longest drain_timeout_s of any application, in milliseconds. */
uint64_t seat_drain_ms(const struct config *config);
/** Kill a worker: its end is no crash. */
void seat_kill(struct worker_process *process);

/** Handle what a worker sent before it ended. */
void seat_read_rest(struct worker_process *process);
/** A worker has ended: its timers and its channel are watched no longer. */
void seat_unwatch(struct worker_process *process);

#endif
