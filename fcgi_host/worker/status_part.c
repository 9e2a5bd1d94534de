#include "fcgi_host/worker/status_part.h"

#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/latency.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/status/document.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/away.h"
#include "fcgi_host/worker/scripts.h"
#include "pool/base/clock.h"
#include "pool/python/runtime.h"

/** Running requests that are listed: as many as people read. */
enum { LISTED_REQUESTS = 64 };

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
    struct reload_ending last;
    application_get_reload(application, &last);
    if (!last.cause[0]) {
        document_add_null(json, STATUS_APP_RELOAD_LAST);
        return;
    }
    document_begin_object(json, STATUS_APP_RELOAD_LAST);
    document_add_text(json, STATUS_APP_LAST_CAUSE, last.cause);
    document_add_text(json, STATUS_APP_LAST_OUTCOME, reload_outcome_name(last.outcome));
    document_add_number(json, STATUS_APP_LAST_TOTAL_MS, last.total_ms);
    document_add_text(json, STATUS_APP_LAST_VERDICT, last.verdict[0] ? last.verdict : NULL);
    document_add_text(json, STATUS_APP_LAST_WHY, last.why[0] ? last.why : NULL);
    document_add_time(json, STATUS_APP_LAST_AT, last.at_s);
    json_end_object(json);
}

/** @return why it was moved, to this process group, or to its main interpreter; NULL: it was not */
static const char *find_moved_why(const struct status_part *part,
                                  const struct application *application, const struct home *home) {
    return home && home->why ? home->why
                             : placement_main_reason(part->placement,
                                                     application_interpreter(application->config));
}

static void write_reload(struct json_writer *json, const struct status_part *part,
                         struct application *application, const char *moved_why) {
    document_begin_object(json, STATUS_APP_RELOAD);
    recycle_write_strategy(part->recycle, application, moved_why, json);
    write_last(json, application);
    recycle_write_check(part->recycle, application, json);
    json_end_object(json);
    document_begin_list(json, STATUS_APP_EXTENSIONS);
    recycle_write_extensions(part->recycle, application, json);
    json_end_array(json);
}

static void write_revision(struct json_writer *json, struct application *application) {
    char revision[REVISION_BYTES];
    application_get_revision(application, revision);
    document_add_text(json, STATUS_APP_REVISION, *revision ? revision : NULL);
}

/** The items of a histogram's list, and its end. */
static void end_buckets(struct json_writer *json, const struct time_histogram_view *view) {
    for (unsigned i = 0; i < TIME_HISTOGRAM_BOUNDS; i++) {
        json_begin_array(json, NULL);
        json_add_number(json, NULL, time_histogram_bound_ms(i));
        json_add_integer(json, NULL, (int64_t)view->up_to[i]);
        json_end_array(json);
    }
    json_end_array(json);
}

static void write_latency(struct json_writer *json, const struct application *application) {
    struct time_histogram_view view;
    time_histogram_read(&application->durations, &view);
    document_begin_object(json, STATUS_APP_LATENCY_MS);
    document_add_number(json, STATUS_APP_LATENCY_P50,
                        latency_percentile_ms(application->latency, 0.50));
    document_add_number(json, STATUS_APP_LATENCY_P90,
                        latency_percentile_ms(application->latency, 0.90));
    document_add_number(json, STATUS_APP_LATENCY_P99,
                        latency_percentile_ms(application->latency, 0.99));
    document_add_integer(json, STATUS_APP_LATENCY_COUNT, (int64_t)view.count);
    document_add_number(json, STATUS_APP_LATENCY_SUM, view.sum_ms);
    document_begin_list(json, STATUS_APP_LATENCY_BUCKETS);
    end_buckets(json, &view);
    json_end_object(json);
}

/** How long requests waited, for a thread and for the GIL. */
static void write_waits(struct json_writer *json, const struct application *application) {
    struct time_histogram_view view;
    time_histogram_read(&application->queue_waits, &view);
    document_begin_object(json, STATUS_APP_QUEUE_MS);
    document_add_integer(json, STATUS_APP_QUEUE_COUNT, (int64_t)view.count);
    document_add_number(json, STATUS_APP_QUEUE_SUM, view.sum_ms);
    document_begin_list(json, STATUS_APP_QUEUE_BUCKETS);
    end_buckets(json, &view);
    json_end_object(json);
    time_histogram_read(&application->gil_waits, &view);
    document_begin_object(json, STATUS_APP_GIL_WAIT_MS);
    document_add_integer(json, STATUS_APP_GIL_WAIT_COUNT, (int64_t)view.count);
    document_add_number(json, STATUS_APP_GIL_WAIT_SUM, view.sum_ms);
    document_begin_list(json, STATUS_APP_GIL_WAIT_BUCKETS);
    end_buckets(json, &view);
    json_end_object(json);
}

static void write_numbers(struct json_writer *json, struct application *application) {
    struct pool_app_stats stats = {0};
    if (application->pool_app) {
        pool_app_stats(application->pool_app, &stats);
    }
    document_add_integer(json, STATUS_APP_REQUESTS, (int64_t)stats.requests);
    document_add_integer(json, STATUS_APP_IN_FLIGHT, stats.in_flight);
    document_add_integer(json, STATUS_APP_QUEUED,
                         stats.queued + atomic_load(&application->withheld));
    document_add_integer(json, STATUS_APP_REJECTED, (int64_t)stats.rejected);
    document_begin_object(json, STATUS_APP_AFTER);
    document_add_integer(json, STATUS_APP_AFTER_RUNNING, atomic_load(&application->after_running));
    document_add_integer(json, STATUS_APP_AFTER_DONE,
                         (int64_t)atomic_load(&application->after_done));
    document_add_integer(json, STATUS_APP_AFTER_FAILED,
                         (int64_t)atomic_load(&application->after_failed));
    json_end_object(json);
    document_add_time(json, STATUS_APP_LOADED_AT, atomic_load(&application->loaded_at_s));
    write_revision(json, application);
    document_add_number(json, STATUS_APP_LOAD_MS, atomic_load(&application->load_us) / 1000.0);
    write_latency(json, application);
    write_waits(json, application);
}

static void write_placement(struct json_writer *json, const struct status_part *part,
                            const char *interpreter, const struct home *home, const char *why) {
    document_begin_object(json, STATUS_APP_PLACEMENT);
    document_add_text(json, STATUS_APP_PLACEMENT_PROCESS, part->away->process);
    document_add_text(json, STATUS_APP_PLACEMENT_INTERPRETER, interpreter);
    document_add_text(json, STATUS_APP_PLACEMENT_WHY, why);
    document_add_time(json, STATUS_APP_PLACEMENT_SINCE, home && home->why ? home->since_s : 0);
    json_end_object(json);
}

/** What is imported before the application asks for it, and why nothing is: by a template, or, for
 * a
 *  sub-interpreter, into its spare. */
static void write_preload(struct json_writer *json, const struct status_part *part,
                          const struct application *application) {
    const struct preloaded *preloaded = part->preloaded;
    document_begin_object(json, STATUS_APP_PRELOAD);
    if (application->pool_app &&
        !pool_interpreter_is_main(pool_app_interpreter(application->pool_app))) {
        recycle_write_preload(part->recycle, application, json);
    } else {
        document_add_integer(json, STATUS_APP_PRELOAD_MODULES, preloaded->modules);
        document_add_number(json, STATUS_APP_PRELOAD_SAVED_MS, preloaded->saved_ms);
        document_add_integer(json, STATUS_APP_PRELOAD_BYTES, 0); /* "templates" has it */
        document_add_text(json, STATUS_APP_PRELOAD_WHY, preloaded->why);
    }
    json_end_object(json);
}

static void write_application(struct json_writer *json, const struct status_part *part,
                              struct application *application, const struct home *home) {
    const struct pool_interpreter *interpreter =
        application->pool_app ? pool_app_interpreter(application->pool_app) : NULL;
    const char *name = interpreter ? pool_interpreter_name(interpreter)
                                   : application_interpreter(application->config);
    const struct error *failure = atomic_load(&application->failure);
    const char *moved_why = find_moved_why(part, application, home);
    json_begin_object(json, NULL);
    document_add_text(json, STATUS_APP_NAME, application->config->name);
    document_add_text(json, STATUS_APP_FILE, application->config->file);
    document_add_text(json, STATUS_APP_INTERPRETER, name);
    write_placement(json, part, name, home, moved_why);
    write_preload(json, part, application);
    document_add_text(json, STATUS_APP_GIL, application->config->gil_own ? "own" : "shared");
    document_add_integer(json, STATUS_APP_GENERATION,
                         (int64_t)atomic_load(&application->generation));
    document_add_text(json, STATUS_APP_STATE, state_of(part, application));
    if (failure) {
        document_add_text(json, STATUS_APP_ERROR, failure->text);
    }
    write_numbers(json, application);
    write_reload(json, part, application, moved_why);
    json_end_object(json);
}

struct writing {
    struct json_writer *json;
    const struct status_part *part;
};

static void write_script(void *ctx, struct application *application) {
    const struct writing *writing = ctx;
    const struct away *away = writing->part->away;
    const char *path = application->config->name;
    size_t place = writing->part->applications->site->app_count;
    if (!away_is(away, place, path)) {
        write_application(writing->json, writing->part, application, away_home(away, place, path));
    }
}

static const char *worker_state(const struct status_part *part) {
    return part->is_stopping ? "draining" : part->intake ? "serving" : "starting";
}

static void write_zombie(void *ctx, const struct generation *generation, const char *why) {
    struct json_writer *json = ctx;
    json_begin_object(json, NULL);
    document_add_text(json, STATUS_WORKER_KEPT_INTERPRETER,
                      pool_interpreter_name(generation_interpreter(generation)));
    document_add_integer(json, STATUS_WORKER_KEPT_GENERATION,
                         (int64_t)generation_number(generation));
    document_add_text(json, STATUS_WORKER_KEPT_WHY, why);
    json_end_object(json);
}

static void write_connections(struct json_writer *json, const struct status_part *part) {
    struct intake_stats stats = {0};
    if (part->intake) {
        intake_stats(part->intake, &stats);
    }
    document_add_integer(json, STATUS_WORKER_REQUESTS, (int64_t)stats.requests);
    document_add_integer(json, STATUS_WORKER_RSS_BYTES, (int64_t)memory_resident_bytes());
    document_begin_object(json, STATUS_WORKER_CONNECTIONS);
    document_add_integer(json, STATUS_WORKER_CONNECTIONS_ACCEPTED,
                         (int64_t)stats.connections_accepted);
    document_add_integer(json, STATUS_WORKER_CONNECTIONS_OPEN, stats.connections_open);
    document_add_integer(json, STATUS_WORKER_CONNECTIONS_IDLE, stats.connections_idle);
    json_end_object(json);
    document_add_integer(json, STATUS_WORKER_ZOMBIES, pool_zombies(part->pool));
    document_add_integer(json, STATUS_WORKER_MADE_INTERPRETERS,
                         (int64_t)runtime_made_interpreters(NULL));
    document_begin_list(json, STATUS_WORKER_KEPT);
    pool_each_zombie(part->pool, write_zombie, json);
    json_end_array(json);
}

/** What each thread is doing. */
static void write_running(struct json_writer *json, const struct status_part *part) {
    const struct scoreboard *board = part->board;
    uint64_t now_ns = clock_now_ns();
    unsigned used = atomic_load(&board->used), listed = 0;
    document_begin_list(json, STATUS_WORKER_RUNNING);
    for (unsigned i = 0; i < used && listed < LISTED_REQUESTS; i++) {
        struct slot_view view;
        if (!scoreboard_read(&board->slots[i], &view) || view.activity == SLOT_IDLE) {
            continue;
        }
        listed++;
        json_begin_object(json, NULL);
        document_add_text(json, STATUS_WORKER_RUNNING_APP, view.facts.app);
        document_add_text(json, STATUS_WORKER_RUNNING_REQUEST_ID,
                          view.facts.request_id[0] ? view.facts.request_id : NULL);
        document_add_text(json, STATUS_WORKER_RUNNING_DOING,
                          view.activity == SLOT_LOADING ? "loading" : view.facts.line);
        document_add_number(json, STATUS_WORKER_RUNNING_MS,
                            (double)(now_ns - view.started_ns) / CLOCK_NS_PER_MS);
        json_end_object(json);
    }
    json_end_array(json);
}

char *status_part_write(const struct status_part *part) {
    struct json_writer json = {0};
    struct writing writing = {&json, part};
    json_begin_object(&json, NULL);
    document_add_integer(&json, STATUS_WORKER_PID, getpid());
    document_add_text(&json, STATUS_WORKER_PROCESS, part->away->process);
    document_add_text(&json, STATUS_WORKER_STATE, worker_state(part));
    write_connections(&json, part);
    write_running(&json, part);
    document_begin_list(&json, STATUS_WORKER_APPS);
    for (size_t i = 0; i < part->applications->site->app_count; i++) {
        struct application *application = applications_at(part->applications, i);
        if (application && !away_is(part->away, i, NULL)) {
            write_application(&json, part, application, away_home(part->away, i, NULL));
        }
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
