#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/latency.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/worker_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"

/** A full queue empties within a second, or not for long. */
#define RETRY_AFTER_S "1"

#define LONG_WAIT_NS UINT64_C(300000)

static struct worker *s_worker; /* jobs carry no context of ours */

/* ---- On a thread of the generation ---- */

static size_t append(char *line, size_t used, size_t room, const struct param *param) {
    if (param && used < room - 1) {
        size_t bytes = param->value_bytes < room - 1 - used ? param->value_bytes : room - 1 - used;
        memcpy(line + used, param->value, bytes);
        used += bytes;
    }
    line[used] = '\0';
    return used;
}

/** "GET /path?query", cut to what fits. */
static void request_line(const struct request *request, char line[SCOREBOARD_LINE_BYTES]) {
    size_t used = append(line, 0, SCOREBOARD_LINE_BYTES, request_param(request, "REQUEST_METHOD"));
    if (used < SCOREBOARD_LINE_BYTES - 1) {
        line[used++] = ' ';
    }
    const struct param *uri = request_param(request, "REQUEST_URI");
    append(line, used, SCOREBOARD_LINE_BYTES, uri ? uri : request_param(request, "SCRIPT_NAME"));
}

/** Whoever waited long in a queue may have gone: not worth a look (a system call) for the others.
 */
static bool is_left_alone(struct request *request) {
    return clock_now_ns() - request->accepted_ns > LONG_WAIT_NS && request_is_aborted(request);
}

static void serve(struct job *job, const struct lease *lease) {
    struct request *request = request_of(job);
    struct application *application = request->application;
    uint64_t accepted_ns = request->accepted_ns;
    char line[SCOREBOARD_LINE_BYTES];
    if (!lease->loaded || is_left_alone(request)) {
        PyThreadState *state = PyEval_SaveThread();
        if (lease->loaded) {
            request_finish(request, REQUEST_CUT, 0);
        } else { /* it failed where another application of its interpreter did not */
            worker_reply_failed(request, application);
        }
        PyEval_RestoreThread(state);
        return;
    }
    request_line(request, line);
    crash_thread_start();
    struct scoreboard_slot *slot =
        limits_begin(s_worker->limits, lease, application, request->id, line);
    wsgi_run(job, lease); /* the request is gone after this */
    uint64_t ended_ns = limits_end(s_worker->limits, slot, lease, application);
    latency_add(application->latency, ended_ns - accepted_ns);
}

static void abandon(struct job *job) {
    struct request *request = request_of(job);
    worker_reply_failed(request, request->application);
}

/* ---- On the intake thread ---- */

void worker_reply_failed(struct request *request, const struct application *application) {
    const struct error *failure = atomic_load(&application->failure);
    const char *detail = failure && application->config->dev ? failure->text : NULL;
    /* Stopping, given up after crashes, or about to be moved: another try may find it serving. */
    if (!failure || failure->code == ERR_FAILED || failure->code == ERR_REFUSED) {
        reply_status(request, "503 Service Unavailable", RETRY_AFTER_S, detail);
    } else {
        reply_status(request, "500 Internal Server Error", NULL, detail);
    }
}

void worker_submit(struct worker *worker, struct application *application,
                   struct request *request) {
    struct error err;
    (void)worker;
    request->application = application;
    request->job.run = serve;
    request->job.abandon = abandon;
    if (!application->pool_app || atomic_load(&application->failure)) {
        worker_reply_failed(request, application);
    } else if (pool_submit(application->pool_app, &request->job, &err)) {
        if (err.code == ERR_BUSY) {
            reply_status(request, "503 Service Unavailable", RETRY_AFTER_S, NULL);
        } else {
            worker_reply_failed(request, application);
        }
    }
}

void worker_dispatch(void *ctx, struct request *request) {
    struct worker *worker = ctx;
    struct route route;
    s_worker = worker;
    router_route(worker->router, request, route_resolve_script, &route);
    request->script_name = route.script_name;
    request->path_info = route.path_info;
    request->path_storage = route.path_storage;
    switch (route.kind) {
    case ROUTE_APPLICATION:
        worker_submit(worker, worker->applications[route.app - worker->config->apps], request);
        break;
    case ROUTE_SCRIPT:
        script_pool_dispatch(worker->scripts, route.script, request);
        break;
    case ROUTE_STATUS:
        worker_status_request(worker, request);
        break;
    case ROUTE_NONE:
        reply_status(request, request->role == ROLE_AUTHORIZER ? "403 Forbidden" : "404 Not Found",
                     NULL, NULL);
        break;
    }
    free(route.script);
}
