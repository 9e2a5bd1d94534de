/**
 * The parts of a worker, for worker.c (life) and messages.c (what the supervisor wants of each).
 * The other files of this room see their own part only.
 *
 * worker_run() has the only one; it is never freed, because the process ends with it.
 */
#ifndef FCGI_HOST_WORKER_WORKER_INTERNAL_H
#define FCGI_HOST_WORKER_WORKER_INTERNAL_H

#include <semaphore.h>
#include <stdbool.h>

#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/away.h"
#include "fcgi_host/worker/dispatch.h"
#include "fcgi_host/worker/handover.h"
#include "fcgi_host/worker/libraries.h"
#include "fcgi_host/worker/live_streams.h"
#include "fcgi_host/worker/loader.h"
#include "fcgi_host/worker/predecessor.h"
#include "fcgi_host/worker/status_requests.h"
#include "fcgi_host/worker/stopping.h"
#include "fcgi_host/worker/withheld.h"

struct intake;
struct limits;
struct pool;

struct worker {
    const struct worker_start *start;
    struct channel_end supervisor;
    struct pool *pool;
    struct limits *limits;
    struct intake *intake; /**< NULL until the worker accepts */
    bool leaves_accepting; /**< another process group accepts */
    bool is_paused;        /**< CHANNEL_PAUSE */
    bool has_accept;       /**< CHANNEL_ACCEPT has come */
    uint64_t told_busy_ns; /**< when CHANNEL_BUSY was sent last */

    struct predecessor predecessor;
    struct loader loader; /**< with the struct recycle */
    sem_t has_loaded;     /**< loader.h */
    struct libraries libraries;
    struct applications applications;
    struct away away;
    struct dispatch dispatch;
    struct status_requests status_requests;
    struct handover handover;
    struct live_streams live_streams;
    struct stopping stopping;
    struct withheld withheld;
};

/** @return the first application; NULL: none is configured */
static inline const struct application *worker_first_application(const struct worker *worker) {
    return worker->applications.app_count > 0 ? worker->applications.apps[0] : NULL;
}

#endif
