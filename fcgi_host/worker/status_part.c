#include "fcgi_host/worker/status_part.h"

#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/app/latency.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/base/json_time.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/base/clock.h"

enum { STATUS_RUNNING = 64 /**< running requests that are listed: what people can read */ };

static void write_time(struct json_writer *json, const char *key, int64_t seconds) {
    char text[32];
    if (seconds == 0) {
        json_null(json, key);
        return;
    }
    status_format_time(seconds, text, sizeof text);
    json_string(json, key, text);
}

static const char *state_of(const struct worker *worker, const struct application *application) {
    if (atomic_load(&application->failure)) {
        return "failed";
    }
    if (worker->is_stopping) {
        return "draining";
    }
    return atomic_load(&application->generation) ? "serving" : "loading";
}

static void write_last(struct json_writer *json, struct application *application) {
    struct application_reload last;
    application_get_reload(application, &last);
    if (!last.cause[0]) {
        json_null(json, "last");
        return;
    }
    json_begin_object(json, "last");
    json_string(json, "cause", last.cause);
    json_string(json, "outcome", reload_outcome_name(last.outcome));
    json_number(json, "total_ms", last.total_ms);
    json_string(json, "verdict", last.verdict[0] ? last.verdict : NULL);
    write_time(json, "at", last.at_s);
    json_end_object(json);
}

/** Where there is no reloader in the process. */
static void write_plain_strategy(struct json_writer *json, const struct application *application) {
    if (application->config->reload == RELOAD_MODE_OFF) {
        json_string(json, "strategy", "off");
        json_string(json, "why", "reload = off");
    } else {
        json_string(json, "strategy", "worker");
        json_string(json, "why", "this worker has no reloader");
    }
}

static void write_reload(struct json_writer *json, const struct worker *worker,
                         struct application *application) {
    json_begin_object(json, "reload");
    if (worker->reloader && worker->reloader->write_strategy) {
        worker->reloader->write_strategy(worker->reloader->ctx, application, json);
    } else {
        write_plain_strategy(json, application);
    }
    write_last(json, application);
    json_end_object(json);
    json_begin_array(json, "extensions");
    if (worker->reloader && worker->reloader->write_extensions) {
        worker->reloader->write_extensions(worker->reloader->ctx, application, json);
    }
    json_end_array(json);
}

static void write_numbers(struct json_writer *json, const struct application *application) {
    struct pool_app_stats stats = {0};
    if (application->pool_app) {
        pool_app_stats(application->pool_app, &stats);
    }
    json_integer(json, "requests", (int64_t)stats.requests);
    json_integer(json, "in_flight", stats.in_flight);
    json_integer(json, "queued", stats.queued);
    json_integer(json, "rejected", (int64_t)stats.rejected);
    write_time(json, "loaded_at", atomic_load(&application->loaded_at_s));
    json_number(json, "load_ms", atomic_load(&application->load_us) / 1000.0);
    json_begin_object(json, "latency_ms");
    json_number(json, "p50", latency_percentile_ms(application->latency, 0.50));
    json_number(json, "p90", latency_percentile_ms(application->latency, 0.90));
    json_number(json, "p99", latency_percentile_ms(application->latency, 0.99));
    json_end_object(json);
}

static void write_application(struct json_writer *json, const struct worker *worker,
                              struct application *application) {
    const struct pool_interpreter *interpreter =
        application->pool_app ? pool_app_interpreter(application->pool_app) : NULL;
    const struct error *failure = atomic_load(&application->failure);
    json_begin_object(json, NULL);
    json_string(json, "name", application->config->name);
    json_string(json, "file", application->config->file);
    json_string(json, "interpreter",
                interpreter ? pool_interpreter_name(interpreter)
                            : application_interpreter(application->config));
    json_string(json, "gil", application->config->gil_own ? "own" : "shared");
    json_integer(json, "generation", (int64_t)atomic_load(&application->generation));
    json_string(json, "state", state_of(worker, application));
    if (failure) {
        json_string(json, "error", failure->text);
    }
    write_numbers(json, application);
    write_reload(json, worker, application);
    json_end_object(json);
}

struct writing {
    struct json_writer *json;
    const struct worker *worker;
};

static void write_script(void *ctx, struct application *application) {
    const struct writing *writing = ctx;
    write_application(writing->json, writing->worker, application);
}

static const char *worker_state(const struct worker *worker) {
    return worker->is_stopping ? "draining" : worker->intake ? "serving" : "starting";
}

static void write_connections(struct json_writer *json, const struct worker *worker) {
    struct intake_stats stats = {0};
    if (worker->intake) {
        intake_stats(worker->intake, &stats);
    }
    json_integer(json, "requests", (int64_t)stats.requests);
    json_integer(json, "rss_bytes", (int64_t)memory_resident_bytes());
    json_begin_object(json, "connections");
    json_integer(json, "accepted", (int64_t)stats.connections_accepted);
    json_integer(json, "open", stats.connections_open);
    json_integer(json, "idle", stats.connections_idle);
    json_end_object(json);
    json_integer(json, "zombies", pool_zombies(worker->pool));
}

/** What the threads do at this moment. */
static void write_running(struct json_writer *json, const struct worker *worker) {
    const struct scoreboard *board = worker->start->board;
    uint64_t now_ns = clock_now_ns();
    unsigned used = atomic_load(&board->used), listed = 0;
    json_begin_array(json, "running");
    for (unsigned i = 0; i < used && listed < STATUS_RUNNING; i++) {
        struct slot_view view;
        if (!slot_read(&board->slots[i], &view) || view.activity == SLOT_IDLE) {
            continue;
        }
        listed++;
        json_begin_object(json, NULL);
        json_string(json, "app", view.app);
        json_string(json, "request_id", view.request_id[0] ? view.request_id : NULL);
        json_string(json, "doing", view.activity == SLOT_LOADING ? "loading" : view.line);
        json_number(json, "ms", (double)(now_ns - view.started_ns) / 1e6);
        json_end_object(json);
    }
    json_end_array(json);
}

char *status_worker_part(struct worker *worker) {
    struct json_writer json = {0};
    struct writing writing = {&json, worker};
    json_begin_object(&json, NULL);
    json_integer(&json, "pid", getpid());
    json_string(&json, "state", worker_state(worker));
    write_connections(&json, worker);
    write_running(&json, worker);
    json_begin_array(&json, "apps");
    for (size_t i = 0; i < worker->application_count; i++) {
        write_application(&json, worker, worker->applications[i]);
    }
    script_pool_each(worker->scripts, write_script, &writing);
    json_end_array(&json);
    json_end_object(&json);
    if (json.failed) {
        free(json.text);
        return NULL;
    }
    return json.text;
}
