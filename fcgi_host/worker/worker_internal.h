/**
 * What the parts of a worker share: worker.c (life), applications.c (who there is), loading.c,
 * dispatch.c (requests), messages.c (the channel), scripts.c.
 *
 * One for each process, made by worker_run() and never freed: the process ends with it.
 */
#ifndef FCGI_HOST_WORKER_WORKER_INTERNAL_H
#define FCGI_HOST_WORKER_WORKER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/cgi/route.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/recycle/reload_hooks.h"
#include "fcgi_host/worker/worker.h"
#include "pool/pool.h"

struct worker {
    const struct worker_start *start;
    struct channel_end supervisor; /**< to tell it something: channel_tell() */
    const struct config *config;
    struct pool *pool;
    struct limits *limits;
    struct router *router;
    struct intake *intake; /**< NULL until it accepts */

    /** One for each [app], in the configuration's order; fixed once made. */
    struct application **applications;
    size_t application_count;
    /** Those that are built at start-up; the one for "main" holds all that live there. */
    struct pool_interpreter **interpreters;
    size_t interpreter_count;
    struct script_pool *scripts; /**< NULL: no [scripts] */

    struct status_requests *status_requests; /**< status_requests.c */
    struct recycler *recycler;               /**< recycle.h; NULL: no reloading in this process */
    const struct reload_hooks *reloader;     /**< NULL: every reload is a replacement */

    int heir_fd;   /**< once stopping: who takes our idle connections; -1: nobody */
    int legacy_fd; /**< whose idle connections we take, until intake runs; -1: nobody */
    bool has_accept, is_stopping; /**< @thread intake */
    bool is_last;        /**< once stopping: no other worker answers what waits for accept() */
    uint64_t stop_at_ns; /**< CLOCK_MONOTONIC; once stopping */
    int stop_timer_fd;
};

/* ---- applications.c ---- */

/** Make applications, interpreters and router from configuration and placement. */
int worker_add_applications(struct worker *worker, struct error *err);
/** Mark why an application does not serve, tell the supervisor and log it. @thread any */
void worker_application_failed(struct worker *worker, struct application *application,
                               const struct error *err);
/** It serves: tell the supervisor and log it. @thread any */
void worker_application_loaded(struct worker *worker, struct application *application,
                               const struct generation *generation);

/* ---- loading.c ---- */

/** The pool's hooks (ctx: the worker): the WSGI side's, with what is loading kept in the
 *  scoreboard. */
void worker_pool_hooks(struct worker *worker, struct pool_hooks *ret_hooks);
/** Build every interpreter, on threads of its own; then CHANNEL_LOADED is sent. */
int worker_start_loading(struct worker *worker, struct error *err);
/** Build one interpreter and tell what came of it. Blocks. @thread a loader's @tstate none */
void worker_load(struct worker *worker, struct pool_interpreter *interpreter);

/* ---- dispatch.c ---- */

/** intake_hooks.request. @param ctx  the worker */
void worker_dispatch(void *ctx, struct request *request);
/** Hand a request over to an application of the pool, or answer it here. @thread intake */
void worker_submit(struct worker *worker, struct application *application, struct request *request);
/** Answer for an application that has failed. @thread any that owns the request */
void worker_reply_failed(struct request *request, const struct application *application);

/* ---- messages.c ---- */

/** Read all that the supervisor has sent. @thread intake */
void worker_read_channel(struct worker *worker);

/* ---- worker.c ---- */

/** Finish what is there, within `timeout_ms`, and go. Called again: whichever is sooner.
 *  @param is_last  take all connections that wait: nobody else will  @thread intake */
void worker_stop(struct worker *worker, uint64_t timeout_ms, bool is_last);

/* ---- idle_handover.c ---- */

/** intake_hooks.bequeath: send an idle connection to our heir. @param ctx  the worker */
bool worker_hand_over(void *ctx, int fd);
/** Take on the idle connections that come from this socket; taken over. @thread intake */
void worker_adopt_from(struct worker *worker, int fd);

/* ---- status_requests.c ---- */

/** A request for the status page: ask the supervisor, answer when it has. @thread intake */
void worker_status_request(struct worker *worker, struct request *request);
/** The supervisor's answer. @param text  NULL: it failed */
void worker_status_answer(struct worker *worker, uint64_t number, const char *text, size_t bytes);

#endif
