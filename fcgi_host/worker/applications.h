/**
 * All that a worker can serve: its applications, their interpreters, the scripts, and the routes to
 * them.
 *
 * @thread intake; the configured ones are fixed once made, and any thread may read them
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_APPLICATIONS_H
#define FCGI_HOST_WORKER_APPLICATIONS_H

#include <stddef.h>
#include <stdint.h>

struct app_config;
struct application;
struct config;
struct error;
struct limits;
struct loader;
struct placement;
struct pool;
struct pool_interpreter;
struct router;
struct scripts;
struct slowdown;

struct applications {
    const struct config *config;
    /** One for each [app], in the configuration's order. */
    struct application **apps;
    size_t app_count;
    /** Built at start-up; "main" holds all applications that were moved there. */
    struct pool_interpreter **interpreters;
    size_t interpreter_count;
    struct scripts *scripts; /**< NULL: no [scripts] */
    struct router *router;
};

struct applications_options {
    const struct config *config;
    const struct placement *placement;
    const struct slowdown *slowdown;
    struct pool *pool;
    const struct loader *loader;
    struct limits *limits;
};

/**
 * Make applications, interpreters and router from configuration and placement; nothing is loaded.
 * An application that was given up is failed at once (outcome_failed()).
 * @param applications  all zero
 * @return 0, or -1: ERR_MEMORY, ERR_USAGE.  What was made stays: the process is to end.
 * @owns everything lives as long as the process
 */
int applications_add(struct applications *applications, const struct applications_options *options,
                     struct error *err);

/** An application is not served for a time (application->slowed_until_ns). @param name  also of a
 *  script */
void applications_slow_down(const struct applications *applications, const char *name,
                            uint64_t until_ms);

/** The application of one of the configuration's [app] sections. */
struct application *applications_of(const struct applications *applications,
                                    const struct app_config *app);

#endif
