#include "fcgi_host/status/applications.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static double larger(double one, double other) {
    return one > other ? one : other;
}

static struct status_application *find_or_add(struct status_applications *applications,
                                              const char *name) {
    for (size_t i = 0; i < applications->count; i++) {
        if (strcmp(applications->items[i].name, name) == 0) {
            return &applications->items[i];
        }
    }
    struct status_application *items =
        realloc(applications->items, (applications->count + 1) * sizeof *items);
    if (!items) {
        return NULL;
    }
    applications->items = items;
    items[applications->count] =
        (struct status_application){.name = name, .state = "", .outcome = "", .verdict = ""};
    return &items[applications->count++];
}

bool status_is_wrong_reload(const char *outcome, const char *verdict) {
    bool is_bad_verdict =
        *verdict && strcmp(verdict, "clean") != 0 && strcmp(verdict, "reinitialised") != 0;
    return strcmp(outcome, "kept") == 0 || is_bad_verdict;
}

static void add(struct status_application *application, const json_t *app) {
    const json_t *latency = json_object_get(app, "latency_ms");
    const json_t *last = json_object_get(json_object_get(app, "reload"), "last");
    const char *state = json_get_string(app, "state");
    const char *outcome = json_get_string(last, "outcome");
    const char *verdict = json_get_string(last, "verdict");
    bool is_serving = strcmp(state, "serving") == 0, has_failed = strcmp(state, "failed") == 0;
    bool is_wrong_reload = status_is_wrong_reload(outcome, verdict);
    int wrong = has_failed ? 3 : is_wrong_reload ? 2 : !is_serving;
    application->workers++;
    application->requests += json_get_number(app, "requests");
    application->in_flight += json_get_number(app, "in_flight");
    application->queued += json_get_number(app, "queued");
    application->rejected += json_get_number(app, "rejected");
    application->p50 = larger(application->p50, json_get_number(latency, "p50"));
    application->p99 = larger(application->p99, json_get_number(latency, "p99"));
    application->generation = larger(application->generation, json_get_number(app, "generation"));
    if (has_failed || !*application->state || strcmp(application->state, "serving") == 0) {
        application->state = state;
    }
    if (is_wrong_reload || !*application->outcome) {
        application->outcome = outcome;
        application->verdict = verdict;
    }
    if (!application->shown || wrong > application->wrong) {
        application->shown = app;
        application->wrong = wrong;
    }
}

int status_applications_collect(const json_t *status, const char *process,
                                struct status_applications *ret_applications) {
    struct status_applications applications = {0};
    size_t i, j;
    const json_t *worker, *app;
    json_array_foreach(json_object_get(status, "workers"), i, worker) {
        if (process && strcmp(json_get_string(worker, "process"), process) != 0) {
            continue;
        }
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            struct status_application *application =
                find_or_add(&applications, json_get_string(app, "name"));
            if (!application) {
                status_applications_free(&applications);
                return -1;
            }
            add(application, app);
        }
    }
    *ret_applications = applications;
    return 0;
}

void status_applications_free(struct status_applications *applications) {
    free(applications->items);
    *applications = (struct status_applications){0};
}

double status_application_number(const struct status_application *application,
                                 const struct status_field *field) {
    switch ((enum status_member)(field - status_fields)) {
    case STATUS_APP_GENERATION:
        return application->generation;
    case STATUS_APP_REQUESTS:
        return application->requests;
    case STATUS_APP_IN_FLIGHT:
        return application->in_flight;
    case STATUS_APP_QUEUED:
        return application->queued;
    case STATUS_APP_REJECTED:
        return application->rejected;
    case STATUS_APP_LATENCY_P50:
        return application->p50;
    case STATUS_APP_LATENCY_P99:
        return application->p99;
    default:
        assert(!"each column's number is kept");
        return 0;
    }
}
