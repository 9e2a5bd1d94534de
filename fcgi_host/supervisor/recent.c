#include "fcgi_host/supervisor/recent.h"

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/history.h"
#include "fcgi_host/status/document.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/recent_reloads.h"
#include "pool/base/clock.h"

static uint64_t s_step_ms; /* when recent_step() has looked */

void recent_open(void) {
    struct error err;
    if (history_open(clock_now_ns(), &err)) {
        log_line(LOG_WARN, "status.failed", NULL, "there will be no history: %s", err.text);
    }
}

void recent_step(const struct groups *groups) {
    uint64_t now_ms = loop_now_ms(), resident_bytes = 0;
    unsigned waiting = 0;
    struct groups_process found;
    if (now_ms - s_step_ms < HISTORY_STEP_S * 1000 / 2) {
        return; /* a worker could say so all the time */
    }
    s_step_ms = now_ms;
    for (struct fleet *fleet = groups_next_fleet(groups, NULL); fleet;
         fleet = groups_next_fleet(groups, fleet)) {
        waiting += fleet_waiting(fleet);
    }
    /* The request that has begun the step has only just come. */
    waiting -= waiting > 0;
    for (size_t i = 0; groups_process(groups, i, &found); i++) {
        resident_bytes += found.resident_bytes;
    }
    history_note_sample(clock_now_ns(), waiting, resident_bytes);
}

/** The items of a list with one number of each step, and its end. @param number  of the first */
static void end_numbers(struct json_writer *json, const double *number, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_add_number(json, NULL, *number);
        number = (const double *)((const char *)number + sizeof(struct history_step));
    }
    json_end_array(json);
}

static void end_integers(struct json_writer *json, const uint64_t *integer, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_add_integer(json, NULL, (int64_t)*integer);
        integer = (const uint64_t *)((const char *)integer + sizeof(struct history_step));
    }
    json_end_array(json);
}

static void write_history(struct json_writer *json) {
    struct history_step steps[HISTORY_STEPS];
    double last_s = 0;
    size_t count = history_read(clock_now_ns(), steps, &last_s);
    document_begin_object(json, STATUS_HOST_HISTORY);
    document_add_integer(json, STATUS_HOST_HISTORY_STEP_S, HISTORY_STEP_S);
    document_add_number(json, STATUS_HOST_HISTORY_LAST_S, last_s);
    document_begin_list(json, STATUS_HOST_HISTORY_REQUESTS);
    end_integers(json, &steps->requests, count);
    document_begin_list(json, STATUS_HOST_HISTORY_P50);
    end_numbers(json, &steps->p50_ms, count);
    document_begin_list(json, STATUS_HOST_HISTORY_P99);
    end_numbers(json, &steps->p99_ms, count);
    document_begin_list(json, STATUS_HOST_HISTORY_QUEUED);
    end_numbers(json, &steps->waiting, count);
    document_begin_list(json, STATUS_HOST_HISTORY_RSS_BYTES);
    end_integers(json, &steps->resident_bytes, count);
    json_end_object(json);
}

static void write_reload(struct json_writer *json, const struct recent_reload *reload) {
    const struct reload_ending *ending = &reload->ending;
    json_begin_object(json, NULL);
    document_add_time(json, STATUS_HOST_RECENT_AT, ending->at_s);
    document_add_number(json, STATUS_HOST_RECENT_AGE_S,
                        (double)(loop_now_ms() - reload->ended_ms) / 1000);
    document_add_text(json, STATUS_HOST_RECENT_PROCESS, reload->process);
    document_add_text(json, STATUS_HOST_RECENT_APP, reload->app[0] ? reload->app : NULL);
    document_add_text(json, STATUS_HOST_RECENT_CAUSE, ending->cause);
    document_add_text(json, STATUS_HOST_RECENT_OUTCOME, reload_outcome_name(ending->outcome));
    document_add_text(json, STATUS_HOST_RECENT_VERDICT,
                      ending->verdict[0] ? ending->verdict : NULL);
    document_add_text(json, STATUS_HOST_RECENT_WHY, ending->why[0] ? ending->why : NULL);
    document_add_number(json, STATUS_HOST_RECENT_TOTAL_MS, ending->total_ms);
    document_add_integer(json, STATUS_HOST_RECENT_WORKERS, (int64_t)reload->worker_count);
    json_end_object(json);
}

void recent_write(const struct groups *groups, struct json_writer *json) {
    const struct recent_reloads *reloads = groups_recent_reloads(groups);
    write_history(json);
    document_begin_list(json, STATUS_HOST_RECENT_RELOADS);
    for (size_t i = 0; i < reloads->count; i++) {
        write_reload(json, &reloads->items[i]);
    }
    json_end_array(json);
}
