/**
 * All that a worker can serve: its applications, their interpreters, the scripts, and the routes to
 * them.
 *
 * @thread intake; the configured ones are fixed once made, and any thread may read them
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_APPLICATIONS_H
#define FCGI_HOST_WORKER_APPLICATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_config;
struct application;
struct config;
struct error;
struct generation;
struct limits;
struct loader;
struct placement;
struct pool;
struct pool_interpreter;
struct router;
struct scripts;
struct slowdown;

struct applications {
    const struct config *site; /**< the whole configuration, for the routes */
    /** One for each [app] of the worker's process group, in the configuration's order. */
    struct application **apps;
    size_t app_count;
    struct application **by_place; /**< for each of site->apps; NULL: of another group */
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

/** Call `each` with every application that was made here, scripts included. */
void applications_each(const struct applications *applications,
                       void (*each)(void *ctx, struct application *application), void *ctx);

/** An application is not served for a time (application->slowed_until_ns). @param name  also of a
 *  script */
void applications_slow_down(const struct applications *applications, const char *name,
                            uint64_t until_ms);

/** @return where an application stands in site->apps; for NULL, scripts, behind the last one */
size_t applications_place(const struct applications *applications, const struct app_config *app);
/** The same of the one of this name; of a script, behind the last one. */
size_t applications_place_named(const struct applications *applications, const char *name);
/** The same of an application that was made here; of a script, behind the last one. */
size_t applications_place_of(const struct applications *applications,
                             const struct application *application);
/** It is another process group's from now on: applications_at() is NULL. */
void applications_forget(struct applications *applications, size_t place);
/** @return the application; NULL: it belongs to another process group */
struct application *applications_at(const struct applications *applications, size_t place);

/** What serves an application. */
struct serving {
    struct application *application;
    struct generation *generation; /**< with a reference: generation_let_go() */
    void *loaded;                  /**< what the load hook returned for it */
};

/** @param name  of an application or a script
 *  @return false: no generation serves it, and there is nothing to let go */
bool applications_hold_serving(const struct applications *applications, const char *name,
                               struct serving *ret_serving);

#endif
