/**
 * What crosses fork(): all that a worker process is given by the supervisor.
 *
 * @owns the supervisor; everything is valid as long as the worker process
 */
#ifndef FCGI_HOST_LINK_WORKER_START_H
#define FCGI_HOST_LINK_WORKER_START_H

#include <stdbool.h>

#include "fcgi_host/link/homes.h"

struct balance;
struct config;
struct lifeline;
struct placement;
struct scoreboard;
struct slowdown;

enum {
    /** Applications are loaded one after the other, so that a worker that dies is known to have
     *  died of the one that was loading; but one that takes longer than this no longer holds up the
     *  next.  The supervisor kills a worker that needs longer for all of them. */
    WORKER_NEXT_LOAD_MS = 1000,
};

/** The libraries that a worker began with: those of the template that it was forked from. */
struct preloaded {
    unsigned modules; /**< 0: it began with none */
    double saved_ms;  /**< what importing them has taken in the template */
    const char *why;  /**< it began with none because of this; else "" */
};

struct worker_start {
    const struct config *config; /**< the group's part (config/view.h) */
    struct neighbourhood neighbourhood;
    const struct placement *placement; /**< which interpreters are main, what not to load */
    struct slowdown *slowdown;         /**< which applications are not served for a time */
    int listen_fd;  /**< -1: none, what other groups' workers pass is all that comes */
    int channel_fd; /**< to the supervisor (channel.h) */
    struct scoreboard *board;
    int modules_fd; /**< the worker that this one replaces writes there what its applications have
                     *   imported; -1: there is none */
    int last_words_fd;         /**< a memory file for faulthandler's text */
    struct lifeline *lifeline; /**< NULL: none could be made */
    bool is_one_of_many;       /**< wsgi.multiprocess */
    bool makes_no_spares;      /**< one has harmed a worker before (CHANNEL_SPARE_HARMED) */
    struct balance *balance;   /**< NULL: no other worker to share connections with */
    int balance_member;
    struct preloaded preloaded;
};

/** A worker's main(): worker_run(). Called in the child. @return the process's exit status */
typedef int worker_run_function(const struct worker_start *start);

/** What a template is given: it starts Python, imports libraries, and has workers as children. */
struct template_start {
    const struct worker_start *worker; /**< for every worker; descriptors come with each order */
    int orders_fd;                     /**< worker_order.h; answers go there, too */
    /** What to import, as a worker has described it (CHANNEL_LIBRARIES); NULL: what the
     *  configuration's `preload` names */
    const char *libraries;
    size_t libraries_bytes;
    const char *memory; /**< what templates and workers have learnt of that; NULL: nothing */
    size_t memory_bytes;
};

/** A template's main(): template_run(). Called in the child. @return the process's exit status, of
 *  a worker, too, that was forked from it */
typedef int template_run_function(const struct template_start *start);

#endif
