#include "pool/python/py_compat.h"

#include "fcgi_host/worker/submit.h"

#include <stdio.h>
#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/app/live.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/history_steps.h"
#include "fcgi_host/worker/takeover.h"
#include "fcgi_host/worker/withheld.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/pool.h"

#define LONG_WAIT_NS UINT64_C(300000)
#define NS_PER_S UINT64_C(1000000000)

static struct withheld *s_withheld;
static struct recycle *s_recycle;

/** Answer for an application that has failed. @thread any that owns the request */
static void reply_failed(struct request *request, const struct application *application) {
    const struct error *failure = atomic_load(&application->failure);
    const char *detail = failure && application->config->dev ? failure->text : NULL;
    struct live_origin origin = live_failure_origin(application->config);
    struct live_mark mark = {origin.slot, origin.state};
    const struct live_mark *live = origin.slot >= 0 ? &mark : NULL;
    /* Stopping, given up after crashes, about to be moved, or a new worker is to come: the next try
     * may be served. */
    if (!failure || failure->code == ERR_FAILED || failure->code == ERR_REFUSED ||
        failure->code == ERR_EXHAUSTED) {
        reply_failure(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, detail, live);
    } else {
        reply_failure(request, "500 Internal Server Error", NULL, detail, live);
    }
}

/* ---- On a thread of the generation ---- */

static size_t append_param(char *line, size_t used, size_t room, const struct param *param) {
    if (param && used < room - 1) {
        size_t bytes = param->value_bytes < room - 1 - used ? param->value_bytes : room - 1 - used;
        memcpy(line + used, param->value, bytes);
        used += bytes;
    }
    line[used] = '\0';
    return used;
}

/** "GET /path?query", cut to what fits. */
static void write_line(const struct request *request, char line[SCOREBOARD_LINE_BYTES]) {
    size_t used =
        append_param(line, 0, SCOREBOARD_LINE_BYTES, request_param(request, "REQUEST_METHOD"));
    if (used < SCOREBOARD_LINE_BYTES - 1) {
        line[used++] = ' ';
    }
    const struct param *uri = request_param(request, "REQUEST_URI");
    append_param(line, used, SCOREBOARD_LINE_BYTES,
                 uri ? uri : request_param(request, "SCRIPT_NAME"));
}

/** Whether the peer is gone.  Only a request that waited long in a queue is worth the look, which
 *  is a system call. */
static bool is_peer_gone(struct request *request) {
    return clock_now_ns() - request->accepted_ns > LONG_WAIT_NS && request_is_aborted(request);
}

/** What the application made of it is dropped: it is to be run once more, elsewhere or here. */
static void withhold(struct request *request, const struct lease *lease, const char *line) {
    pool_uncount_job(lease);
    PyThreadState *state = PyEval_SaveThread();
    request_give_up(request);
    withheld_add(s_withheld, request, line);
    PyEval_RestoreThread(state);
}

/** The request has ended, and been freed. */
static void run_after(struct application *application, const struct lease *lease,
                      const char *request_id, const char *line) {
    char doing[SCOREBOARD_LINE_BYTES];
    snprintf(doing, sizeof doing, "after %s", line);
    atomic_fetch_add(&application->after_running, 1);
    struct scoreboard_slot *slot =
        limits_begin_aside(application->limits, lease, application, request_id, doing,
                           application->config->slow_request_s);
    struct wsgi_after_counts counts = wsgi_run_after(lease, request_id);
    limits_end(application->limits, slot, NULL);
    atomic_fetch_sub(&application->after_running, 1);
    atomic_fetch_add(&application->after_done, counts.done);
    atomic_fetch_add(&application->after_failed, counts.failed);
}

static void run_request_job(struct job *job, const struct lease *lease) {
    struct request *request = request_of(job);
    struct application *application = request->application;
    char line[SCOREBOARD_LINE_BYTES], request_id[sizeof request->id];
    if (!lease->loaded || is_peer_gone(request)) {
        PyThreadState *state = PyEval_SaveThread();
        if (lease->loaded) {
            request_finish(request, REQUEST_CUT, 0);
        } else { /* another application of the interpreter loaded, this one did not */
            reply_failed(request, application);
        }
        PyEval_RestoreThread(state);
        return;
    }
    write_line(request, line);
    memcpy(request_id, request->id, sizeof request_id);
    request->account.begun_ns = clock_now_ns();
    request->account.gil_wait_ns = lease->gil_wait_ns;
    request->account.generation = generation_number(lease->generation);
    crash_thread_start();
    struct scoreboard_slot *slot =
        limits_begin(application->limits, lease, application, request->id, line);
    takeover_begin(slot, request);
    if (!wsgi_run(job, lease)) {
        limits_end(application->limits, slot, NULL);
        withhold(request, lease, line);
        return;
    }
    limits_end(application->limits, slot, application);
    if (!atomic_load_explicit(&application->is_look_due, memory_order_relaxed)) {
        recycle_note_request(s_recycle, application);
    }
    if (wsgi_has_after()) {
        run_after(application, lease, request_id, line);
    }
}

/** No thread has begun with it, and another process is to have the application. @return whether it
 *  waits  @thread any that owns the request */
static bool await_move(struct request *request) {
    const struct application *application = request->application;
    const struct error *failure = atomic_load(&application->failure);
    char line[SCOREBOARD_LINE_BYTES];
    bool waits = !request->was_given_up && failure && failure->code == ERR_REFUSED &&
                 atomic_load(&application->is_moving) &&
                 atomic_load(&application->withheld) <
                     application->config->queue + application->config->threads;
    if (waits) {
        write_line(request, line);
        withheld_add(s_withheld, request, line);
    }
    return waits;
}

static void abandon_request(struct job *job) {
    struct request *request = request_of(job);
    if (!await_move(request)) {
        reply_failed(request, request->application);
    }
}

/* ---- On the intake thread ---- */

static bool is_slowed(struct application *application, const struct request *request) {
    return request->accepted_ns <
           atomic_load_explicit(&application->slowed_until_ns, memory_order_relaxed);
}

static void reply_slowed(struct request *request, const struct application *application) {
    char seconds[24];
    uint64_t left_ns = application->slowed_until_ns - request->accepted_ns;
    snprintf(seconds, sizeof seconds, "%llu",
             (unsigned long long)((left_ns + NS_PER_S - 1) / NS_PER_S));
    reply_status(request, "503 Service Unavailable", seconds, NULL);
}

void submit_stays(struct application *application) {
    withheld_application_stays(s_withheld, application);
}

void submit_use_recycle(struct recycle *recycle) {
    s_recycle = recycle;
}

void submit_use(struct withheld *withheld) {
    s_withheld = withheld;
}

void submit_request(struct application *application, struct request *request) {
    struct error err;
    request->application = application;
    request->job.run = run_request_job;
    request->job.abandon = abandon_request;
    history_steps_arrived(request);
    if (is_slowed(application, request)) {
        reply_slowed(request, application);
    } else if (!application->pool_app || atomic_load(&application->failure)) {
        if (!await_move(request)) {
            reply_failed(request, application);
        }
    } else if (pool_submit(application->pool_app, &request->job, &err)) {
        if (err.code == ERR_BUSY) {
            reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
        } else if (!await_move(request)) {
            reply_failed(request, application);
        }
    }
}

void submit_again(struct job *jobs, bool (*give)(void *ctx, struct request *request), void *ctx) {
    struct job *next;
    for (; jobs; jobs = next) {
        struct request *request = request_of(jobs);
        next = jobs->next;
        if (!give(ctx, request)) {
            submit_request(request->application, request);
        }
    }
}
