/**
 * How many workers a process group needs: decided from what its workers have in hand.  Pure: the
 * caller looks (fleet_scaling.c), tells the time and acts.
 *
 *   grow    requests wait for a thread, or the workers' cores are used up, at two looks in a row,
 *           and cores are free, or the workers hardly compute without a quota that holds them back;
 *           more at a time as long as that is not enough
 *   shrink  for ten seconds there was no more to do than one worker less can do
 *   sleep   nothing was to be done for the idle time: the last worker may end
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SCALING_H
#define FCGI_HOST_SUPERVISOR_SCALING_H

#include <stdbool.h>
#include <stdint.h>

/** What the caller may do. */
struct scaling_limits {
    unsigned least, most; /**< workers; `least` at least 1 as long as any runs */
    uint64_t idle_ms;     /**< 0: the last worker never ends */
};

/** What the caller sees now, of all workers of the group together. */
struct scaling_look {
    unsigned workers;  /**< wanted: those that still load included */
    unsigned loading;  /**< of these */
    unsigned in_hand;  /**< requests that they have */
    unsigned serving;  /**< of these, those that a thread serves */
    uint64_t work;     /**< how many requests have begun or ended since the look before */
    uint64_t cpu_ms;   /**< that they have used in all */
    double free_cores; /**< of the machine, or of what this host may use */
    bool is_held_back; /**< by its control group's quota: more workers would only share it */
};

enum scaling_step {
    SCALING_KEEP,
    SCALING_GROW,
    SCALING_SHRINK, /**< by one */
    SCALING_SLEEP,
};

/** What is remembered from look to look.  All zero at first. */
struct scaling {
    bool was_short;        /**< at the look before: too few workers */
    unsigned burst;        /**< to add when it is short once more; 0: one */
    uint64_t quiet_ms;     /**< since when one worker less would do; 0: it would not */
    uint64_t quiet_cpu_ms; /**< scaling_look.cpu_ms then */

    uint64_t active_ms;            /**< when work was last seen; 0: not yet */
    uint64_t seen_ms, seen_cpu_ms; /**< the look before; 0: none */
};

struct scaling_decision {
    enum scaling_step step;
    unsigned count;   /**< SCALING_GROW: by how many */
    uint64_t next_ms; /**< look again in so long; 0: not before a worker says that it is busy */
};

/** Take a look. @param now_ms  CLOCK_MONOTONIC, never 0 */
struct scaling_decision scaling_decide(struct scaling *scaling, const struct scaling_limits *limits,
                                       const struct scaling_look *look, uint64_t now_ms);

#endif
