/**
 * An application as the host knows it: its configuration, its place in the pool, its numbers.
 * Made at start-up (one for each [app]) or on the first request for a script; lives as long as
 * the worker, or until the script is evicted.
 */
#ifndef FCGI_HOST_APP_APPLICATION_H
#define FCGI_HOST_APP_APPLICATION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/app/revision.h"
#include "fcgi_host/app/time_histogram.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/link/latency.h"
#include "fcgi_host/link/reload_ending.h"
#include "pool/pool.h"

enum {
    /** Threads that an application started may take so long to end with their interpreter. */
    APPLICATION_STOP_THREADS_MS = 2000,
};

/** What helps when an application finds taken what its own older generation holds. */
#define APPLICATION_RESTART_HINT "reload = restart the old code ends before the new is loaded"

struct limits;

struct application {
    const struct app_config *config;
    struct pool_app *pool_app; /**< NULL until the application was added to the pool */
    struct limits *limits;     /**< keeps its requests in time; set before the first request */
    bool is_script;
    /* Of requests that it has begun with and that have ended (worker/request_ends.h). */
    _Atomic uint64_t latency[LATENCY_BUCKETS];
    struct time_histogram durations; /**< the same times, in the metrics' buckets */
    struct time_histogram queue_waits, gil_waits;
    /** Why the application does not serve: text for the log, the status and, with `dev`, the
     *  browser.  NULL: it serves.  ERR_FAILED: it killed its workers and is not loaded (503);
     *  other errors: it did not load (500). */
    struct error *_Atomic failure;
    /** The last reload found a port or lock taken, which `reload = restart` may help against. */
    _Atomic bool needs_restart;

    /** Its requests crashed workers: up to this time, CLOCK_MONOTONIC, they are answered 503.
     *  0: they did not. */
    _Atomic uint64_t slowed_until_ns;

    /** The check is to look again (recycle/looks.h): requests need not tell. */
    _Atomic bool is_look_due;

    /* An extension module has refused sub-interpreters in a request (worker/withheld.h). */
    _Atomic unsigned withheld; /**< requests that wait for another process to answer them */
    _Atomic bool is_moving;    /**< the supervisor was told, and has not said that there is none */
    /** It has said so: what this generation runs into is not told again before this time,
     *  CLOCK_MONOTONIC. */
    _Atomic uint64_t stays_generation, stays_until_ns;
    _Atomic uint64_t move_told_ns; /**< when the supervisor was told last, CLOCK_MONOTONIC */
    _Atomic bool has_left;         /**< its interpreter is being ended: it is another process's */

    /** Of a script: the defaults of all scripts, with the script's own name and file. */
    struct app_config *own_config;
    /** Functions given to after_response(): threads that run them; how many have ended, and how
     *  many of these have raised. */
    _Atomic unsigned after_running;
    _Atomic uint64_t after_done, after_failed;
    _Atomic uint64_t served; /**< requests answered, for max_requests */
    uint64_t served_limit;   /**< max_requests with its jitter; 0: none */
    /* Of the generation that serves. */
    _Atomic uint64_t generation;
    _Atomic int64_t loaded_at_s; /**< CLOCK_REALTIME; 0: not yet */
    _Atomic unsigned load_us;
    pthread_mutex_t lock;
    struct reload_ending last_reload;      /**< @lock; for the status */
    char revision[REVISION_BYTES];         /**< @lock; of the generation that serves; "": none */
    char loading_revision[REVISION_BYTES]; /**< @lock; of the last that was begun to load */
    struct failure *last_failure;          /**< @lock; every error so far (application.c) */
};

/**
 * @param config      valid as long as the application
 * @param own_config  NULL, or `config`, to be freed with its name and file
 * @param random      for the jitter of max_requests
 * @return the application, not in the pool yet, or NULL: out of memory
 */
struct application *application_new(const struct app_config *config, struct app_config *own_config,
                                    bool is_script, uint32_t random);
/** Free an application that no thread uses any more.  NULL is fine. */
void application_free(struct application *application);

/** The application does not serve, because of `err` (copied); NULL: it serves.  Earlier errors stay
 *  valid until application_free(): another thread may be reading one. @thread any */
void application_set_failure(struct application *application, const struct error *err);

/** A generation serves from now on. @thread any */
void application_set_serving(struct application *application, uint64_t generation, double load_ms,
                             int64_t now_s);

/** A generation is about to be loaded: what its code is called. @thread any  @tstate any */
void application_note_revision(struct application *application);
void application_get_revision(struct application *application, char ret_revision[REVISION_BYTES]);

void application_set_reload(struct application *application, const struct reload_ending *reload);
void application_get_reload(struct application *application, struct reload_ending *ret_reload);

/** `max_requests` moved by up to a tenth, so that workers started together are not all replaced at
 *  the same time.  0 stays 0. Pure. */
uint64_t application_jitter(uint64_t max_requests, uint32_t random);

/** Whether a new worker is to be asked for after the `count`th request: when the limit is reached,
 *  and again after each further tenth of the limit, in case no worker came. */
bool application_is_spent(uint64_t count, uint64_t limit);

/** The named interpreter of a configured application. */
const char *application_interpreter(const struct app_config *config);

/** Add an application to an interpreter of the pool, as it is configured. Sets `pool_app`.
 *  Errors: as pool_add_app() */
int application_add_to_pool(struct application *application, struct pool_interpreter *interpreter,
                            struct error *err);

/** @return the configurations of an interpreter's pool_interpreter_app_count() applications, in
 *          their order; NULL: out of memory  @owns the array is the caller's: free() */
const struct app_config **application_configs(const struct pool_interpreter *interpreter);

#endif
