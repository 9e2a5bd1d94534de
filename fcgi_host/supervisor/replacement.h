/**
 * Replacements of workers: a queue, one after the other, and every decision about the one that is
 * under way.
 *
 *   queued → a new worker loads for the first seat
 *     it has loaded everything that the old one serves → the old one is told to stop; it says that
 *       it begins no request any more → the new one accepts → the next seat, or the end
 *     an application is lost                           → the new worker is killed: "kept"
 *     it dies                                          → another one, at most five times: "kept"
 *
 * A wish that begins later than it was made may be one with others by then: for one seat, or for
 * all, one wish waits.  What a worker wished for itself is fulfilled when another has its seat.
 *
 * Where an application has `reload = restart`, the old worker has ended before the new one loads,
 * and connections wait in the backlog.  The new worker serves whatever it has lost, unless it is
 * the first of a new configuration: then a worker of the one in effect takes its place ("kept").
 *
 * What is done to workers is done by seat.h.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_REPLACEMENT_H
#define FCGI_HOST_SUPERVISOR_REPLACEMENT_H

#include <stdbool.h>

#include "fcgi_host/link/reload_ending.h"
#include "fcgi_host/supervisor/seat.h"

/** How a replacement ended. */
struct replacement_result {
    const char *cause; /**< as in the wish */
    const char *why;   /**< "" when it was not kept */
    bool is_kept;      /**< the old worker goes on, `why` says why; else it was replaced */
    int seat;          /**< as in the wish */
    bool is_upkeep;    /**< as in the wishes, if all of them say so */
    double total_ms;   /**< 0: it was never under way */
};

/** The same as the end of a reload, at this time. */
void replacement_ending(const struct replacement_result *result, struct reload_ending *ret_ending);

/** A wish for a replacement. All text is copied. */
struct replacement_wish {
    const char *cause;     /**< "asked by …", for log and status */
    struct config *config; /**< a new configuration, taken over; NULL: the one in effect */
    int seat;              /**< one worker; -1: all, one after the other */
    pid_t worker;          /**< that asks, for its own seat; 0: none */
    /** Also when applications that served do not load: the old worker cannot go on. */
    bool is_forced;
    bool is_upkeep; /**< the code is the same: a limit was reached */
    /** `config` is in effect already, proved by another process group: applications that are new in
     * it
     *  may fail. */
    bool is_in_effect;
    /**
     * New workers load for all seats and then wait, while the old ones serve, until
     * replacement_commit().  A wish that comes meanwhile, and the end of any of these workers, is
     * the end of it ("kept").
     */
    bool is_held;
    /** Told when they wait. @pre is_held */
    void (*prepared)(void *ctx);
    /** Told once how it ended. Optional. */
    void (*done)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct replacement_hooks {
    /** A worker has loaded with a new configuration: it is in effect from now on.
     *  @param config  taken over */
    void (*config_proven)(void *ctx, struct config *config);
    /** A replacement that was under way has ended, and its `done` has been called; the next one
     *  waits for replacement_next(). */
    void (*ended)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct replacement_queue;

/** @param seats  the caller's, valid as long as the queue  @return NULL: ERR_MEMORY */
struct replacement_queue *replacement_queue_new(struct seats *seats,
                                                const struct replacement_hooks *hooks,
                                                struct error *err);
/** Free an empty queue, or NULL. */
void replacement_queue_free(struct replacement_queue *queue);

/** Queue a replacement, or join it with one that waits; one that cannot be queued (out of memory,
 * the host stops) is told as kept, during the call. */
void replacement_add(struct replacement_queue *queue, const struct replacement_wish *wish);
/** The workers that wait (`is_held`) take their seats now. @return whether any waits */
bool replacement_commit(struct replacement_queue *queue);
/** They are given up, or their loading is. Nothing to do where there are none. */
void replacement_abort(struct replacement_queue *queue, const char *why);
/** Call no `done` with this `ctx`: it is about to be freed. */
void replacement_forget(struct replacement_queue *queue, const void *ctx);
/** End every replacement, and report `why` to those who wait for it.  For a host that stops: the
 *  seats are closed. */
void replacement_cancel_all(struct replacement_queue *queue, const char *why);
/** @return whether a replacement has begun and not ended: it counts on the seats */
bool replacement_is_under_way(const struct replacement_queue *queue);

/** Go on with the first of the queue, if it waits for nothing. */
void replacement_next(struct replacement_queue *queue);
/** `seat->coming` has loaded. */
void replacement_loaded(struct replacement_queue *queue, struct seat *seat);
/** The worker that loaded for the first of the queue died, and is no longer in its seat.
 *  @param why  for people */
void replacement_died(struct replacement_queue *queue, const char *why);
/** A worker says that it accepts nothing any more, or has ended. Any worker may be named. */
void replacement_left(struct replacement_queue *queue, pid_t pid);
/** A worker has ended, and what it did at its end has been acted on. Any worker may be named. */
void replacement_gone(struct replacement_queue *queue, pid_t pid);

#endif
