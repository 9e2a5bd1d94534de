#include "fcgi_host/status/applications.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Names → places in the list, as the library's hash table: a worker may claim to have any number of
 * applications. */
struct collection {
    struct status_applications applications;
    size_t room; /* of its list */
    json_t *places;
};

/** @return whether the list has room for one more */
static bool make_room(struct collection *collection) {
    struct status_applications *applications = &collection->applications;
    if (applications->count < collection->room) {
        return true;
    }
    size_t room = collection->room ? 2 * collection->room : 16;
    struct status_application *items = realloc(applications->items, room * sizeof *items);
    if (items) {
        applications->items = items;
        collection->room = room;
    }
    return items != NULL;
}

static struct status_application *find_or_add(struct collection *collection, const char *name) {
    struct status_applications *applications = &collection->applications;
    const json_t *place = json_object_get(collection->places, name);
    size_t count = applications->count;
    if (place) {
        return &applications->items[json_integer_value(place)];
    }
    if (!make_room(collection) ||
        json_object_set_new(collection->places, name, json_integer((json_int_t)count))) {
        return NULL;
    }
    applications->items[count] =
        (struct status_application){.name = name, .place = count, .state = ""};
    applications->count++;
    return &applications->items[count];
}

static void add_numbers(struct status_application *application, const json_t *app) {
    const json_t *latency = json_object_get(app, "latency_ms");
    application->requests += json_get_number(app, "requests");
    application->in_flight += json_get_number(app, "in_flight");
    application->queued += json_get_number(app, "queued");
    application->rejected += json_get_number(app, "rejected");
    application->p50 = fmax(application->p50, json_get_number(latency, "p50"));
    application->p99 = fmax(application->p99, json_get_number(latency, "p99"));
}

enum status_verdict_rank status_verdict_rank(const char *verdict) {
    return !*verdict                               ? VERDICT_RANK_NONE
           : strcmp(verdict, "clean") == 0         ? VERDICT_RANK_CLEAN
           : strcmp(verdict, "reinitialised") == 0 ? VERDICT_RANK_HARMLESS
                                                   : VERDICT_RANK_BAD;
}

static void add_texts(struct status_application *application, const json_t *app) {
    const json_t *last = json_object_get(json_object_get(app, "reload"), "last");
    const char *state = json_get_string(app, "state");
    bool is_serving = strcmp(state, "serving") == 0, has_failed = strcmp(state, "failed") == 0;
    bool is_kept = strcmp(json_get_string(last, "outcome"), "kept") == 0;
    bool is_found = status_verdict_rank(json_get_string(last, "verdict")) == VERDICT_RANK_BAD;
    int wrong = has_failed ? 3 : is_kept || is_found ? 2 : !is_serving;
    application->workers++;
    application->failed += has_failed;
    application->generation = fmax(application->generation, json_get_number(app, "generation"));
    if (has_failed || !*application->state || strcmp(application->state, "serving") == 0) {
        application->state = state;
    }
    if (is_kept && !application->kept) {
        application->kept = last;
    }
    if (is_found && !application->found) {
        application->found = last;
    }
    if (!application->shown || wrong > application->wrong) {
        application->shown = app;
        application->wrong = wrong;
        application->last = json_is_object(last) ? last : application->last;
    } else if (!application->last && json_is_object(last)) {
        application->last = last; /* the only one that has reloaded */
    }
}

/** @param are_draining  of workers that drain, else of all others @return 0, or -1: out of memory
 */
static int collect(struct collection *collection, const json_t *status, const char *process,
                   bool are_draining) {
    size_t i, j;
    const json_t *worker, *app;
    json_array_foreach(json_object_get(status, "workers"), i, worker) {
        bool is_draining = strcmp(json_get_string(worker, "state"), "draining") == 0;
        if (is_draining != are_draining ||
            (process && strcmp(json_get_string(worker, "process"), process) != 0)) {
            continue;
        }
        size_t known = collection->applications.count;
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            struct status_application *application =
                find_or_add(collection, json_get_string(app, "name"));
            if (!application) {
                return -1;
            }
            bool is_new = collection->applications.count > known;
            known = collection->applications.count;
            add_numbers(application, app);
            if (!are_draining || is_new) {
                add_texts(application, app);
            }
        }
    }
    return 0;
}

int status_applications_collect(const json_t *status, const char *process,
                                struct status_applications *ret_applications) {
    struct collection collection = {.places = json_object()};
    bool is_whole = collection.places && collect(&collection, status, process, false) == 0 &&
                    collect(&collection, status, process, true) == 0;
    json_decref(collection.places);
    if (!is_whole) {
        status_applications_free(&collection.applications);
        return -1;
    }
    for (size_t i = 0; i < collection.applications.count; i++) {
        struct status_application *application = &collection.applications.items[i];
        application->last = application->kept    ? application->kept
                            : application->found ? application->found
                                                 : application->last;
    }
    *ret_applications = collection.applications;
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
