#include "fcgi_host/worker/status_part.h"

#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/latency.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/scripts.h"
#include "pool/base/clock.h"

/** Running requests that are listed: as many as people read. */
enum { LISTED_REQUESTS = 64 };

static void write_time(struct json_writer *json, const char *key, int64_t seconds) {
    char text[32];
    if (seconds == 0) {
        json_add_null(json, key);
        return;
    }
    json_time(seconds, text, sizeof text);
    json_add_string(json, key, text);
}

static const char *state_of(const struct status_part *part, const struct application *application) {
    if (atomic_load(&application->failure)) {
        return "failed";
    }
    if (part->is_stopping) {
        return "draining";
    }
    return atomic_load(&application->generation) ? "serving" : "loading";
}

static void write_last(struct json_writer *json, struct application *application) {
    struct application_reload last;
    application_get_reload(application, &last);
    if (!last.cause[0]) {
        json_add_null(json, "last");
        return;
    }
    json_begin_object(json, "last");
    json_add_string(json, "cause", last.cause);
    json_add_string(json, "outcome", reload_outcome_name(last.outcome));
    json_add_number(json, "total_ms", last.total_ms);
    json_add_string(json, "verdict", last.verdict[0] ? last.verdict : NULL);
    write_time(json, "at", last.at_s);
    json_end_object(json);
}

static void write_reload(struct json_writer *json, const struct status_part *part,
                         struct application *application) {
    json_begin_object(json, "reload");
    recycle_write_strategy(part->recycle, application, json);
    write_last(json, application);
    json_end_object(json);
    json_begin_array(json, "extensions");
    recycle_write_extensions(part->recycle, application, json);
    json_end_array(json);
}

static void write_numbers(struct json_writer *json, const struct application *application) {
    struct pool_app_stats stats = {0};
    if (application->pool_app) {
        pool_app_stats(application->pool_app, &stats);
    }
    json_add_integer(json, "requests", (int64_t)stats.requests);
    json_add_integer(json, "in_flight", stats.in_flight);
    json_add_integer(json, "queued", stats.queued);
    json_add_integer(json, "rejected", (int64_t)stats.rejected);
    write_time(json, "loaded_at", atomic_load(&application->loaded_at_s));
    json_add_number(json, "load_ms", atomic_load(&application->load_us) / 1000.0);
    json_begin_object(json, "latency_ms");
    json_add_number(json, "p50", latency_percentile_ms(application->latency, 0.50));
    json_add_number(json, "p90", latency_percentile_ms(application->latency, 0.90));
    json_add_number(json, "p99", latency_percentile_ms(application->latency, 0.99));
    json_end_object(json);
}

static void write_application(struct json_writer *json, const struct status_part *part,
                              struct application *application) {
    const struct pool_interpreter *interpreter =
        application->pool_app ? pool_app_interpreter(application->pool_app) : NULL;
    const struct error *failure = atomic_load(&application->failure);
    json_begin_object(json, NULL);
    json_add_string(json, "name", application->config->name);
    json_add_string(json, "file", application->config->file);
    json_add_string(json, "interpreter",
                    interpreter ? pool_interpreter_name(interpreter)
                                : application_interpreter(application->config));
    json_add_string(json, "gil", application->config->gil_own ? "own" : "shared");
    json_add_integer(json, "generation", (int64_t)atomic_load(&application->generation));
    json_add_string(json, "state", state_of(part, application));
    if (failure) {
        json_add_string(json, "error", failure->text);
    }
    write_numbers(json, application);
    write_reload(json, part, application);
    json_end_object(json);
}

struct writing {
    struct json_writer *json;
    const struct status_part *part;
};

static void write_script(void *ctx, struct application *application) {
    const struct writing *writing = ctx;
    write_application(writing->json, writing->part, application);
}

static const char *worker_state(const struct status_part *part) {
    return part->is_stopping ? "draining" : part->intake ? "serving" : "starting";
}

static void write_connections(struct json_writer *json, const struct status_part *part) {
    struct intake_stats stats = {0};
    if (part->intake) {
        intake_stats(part->intake, &stats);
    }
    json_add_integer(json, "requests", (int64_t)stats.requests);
    json_add_integer(json, "rss_bytes", (int64_t)memory_resident_bytes());
    json_begin_object(json, "connections");
    json_add_integer(json, "accepted", (int64_t)stats.connections_accepted);
    json_add_integer(json, "open", stats.connections_open);
    json_add_integer(json, "idle", stats.connections_idle);
    json_end_object(json);
    json_add_integer(json, "zombies", pool_zombies(part->pool));
}

/** What each thread is doing. */
static void write_running(struct json_writer *json, const struct status_part *part) {
    const struct scoreboard *board = part->board;
    uint64_t now_ns = clock_now_ns();
    unsigned used = atomic_load(&board->used), listed = 0;
    json_begin_array(json, "running");
    for (unsigned i = 0; i < used && listed < LISTED_REQUESTS; i++) {
        struct slot_view view;
        if (!scoreboard_read(&board->slots[i], &view) || view.activity == SLOT_IDLE) {
            continue;
        }
        listed++;
        json_begin_object(json, NULL);
        json_add_string(json, "app", view.facts.app);
        json_add_string(json, "request_id",
                        view.facts.request_id[0] ? view.facts.request_id : NULL);
        json_add_string(json, "doing", view.activity == SLOT_LOADING ? "loading" : view.facts.line);
        json_add_number(json, "ms", (double)(now_ns - view.started_ns) / CLOCK_NS_PER_MS);
        json_end_object(json);
    }
    json_end_array(json);
}

char *status_part_write(const struct status_part *part) {
    struct json_writer json = {0};
    struct writing writing = {&json, part};
    json_begin_object(&json, NULL);
    json_add_integer(&json, "pid", getpid());
    json_add_string(&json, "state", worker_state(part));
    write_connections(&json, part);
    write_running(&json, part);
    json_begin_array(&json, "apps");
    for (size_t i = 0; i < part->applications->app_count; i++) {
        write_application(&json, part, part->applications->apps[i]);
    }
    scripts_each(part->applications->scripts, write_script, &writing);
    json_end_array(&json);
    json_end_object(&json);
    if (json.failed) {
        free(json.text);
        return NULL;
    }
    return json.text;
}
