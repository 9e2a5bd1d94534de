#include "fcgi_host/status/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/c_locale.h"

/** A metric family: a value that each application, or each worker, has. */
struct family {
    const char *name, *type, *unit, *help;
    const char *suffix;         /**< of the sample: "_total" for a counter */
    const char *member, *inner; /**< where the value is; `inner` NULL: it is the member itself */
    const char *quantile;       /**< label of a summary */
    double factor;
};

static const struct family s_of_workers[] = {
    {"fcgi_host_worker_requests", "counter", NULL, "Requests that a worker was handed.", "_total",
     "requests", NULL, NULL, 1},
    {"fcgi_host_worker_resident_bytes", "gauge", "bytes", "Resident memory of a worker.", "",
     "rss_bytes", NULL, NULL, 1},
    {"fcgi_host_worker_connections", "gauge", NULL, "Open connections from web servers.", "",
     "connections", "open", NULL, 1},
    {"fcgi_host_worker_zombies", "gauge", NULL, "Interpreters that could not be ended.", "",
     "zombies", NULL, NULL, 1},
};

static const struct family s_of_apps[] = {
    {"fcgi_host_requests", "counter", NULL, "Requests answered by an application.", "_total",
     "requests", NULL, NULL, 1},
    {"fcgi_host_rejected", "counter", NULL, "Requests refused because the queue was full.",
     "_total", "rejected", NULL, NULL, 1},
    {"fcgi_host_in_flight", "gauge", NULL, "Requests being answered.", "", "in_flight", NULL, NULL,
     1},
    {"fcgi_host_queued", "gauge", NULL, "Requests waiting for a thread.", "", "queued", NULL, NULL,
     1},
    {"fcgi_host_generation", "gauge", NULL, "Generation that serves.", "", "generation", NULL, NULL,
     1},
    {"fcgi_host_load_seconds", "gauge", "seconds", "Time that loading took.", "", "load_ms", NULL,
     NULL, 0.001},
};

/* One family with a sample for each quantile. */
static const struct family s_latency[] = {
    {"fcgi_host_latency_seconds", "summary", "seconds", "Response times.", "", "latency_ms", "p50",
     "0.5", 0.001},
    {"fcgi_host_latency_seconds", "summary", "seconds", "Response times.", "", "latency_ms", "p90",
     "0.9", 0.001},
    {"fcgi_host_latency_seconds", "summary", "seconds", "Response times.", "", "latency_ms", "p99",
     "0.99", 0.001},
};

/** OpenMetrics 1.0, "Escaping": backslash, newline, double quote. */
static void put_label(FILE *out, const char *name, const char *value) {
    fprintf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
        } else {
            if (*value == '\\' || *value == '"') {
                putc('\\', out);
            }
            putc(*value, out);
        }
    }
    putc('"', out);
}

static void put_head(FILE *out, const struct family *family) {
    fprintf(out, "# TYPE %s %s\n", family->name, family->type);
    if (family->unit) {
        fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
    }
    fprintf(out, "# HELP %s %s\n", family->name, family->help);
}

static void put_sample(FILE *out, const struct family *family, double pid, const json_t *app,
                       const json_t *holder) {
    double value = family->inner
                       ? json_get_number(json_object_get(holder, family->member), family->inner)
                       : json_get_number(holder, family->member);
    fprintf(out, "%s%s{worker=\"%.0f\"", family->name, family->suffix, pid);
    if (app) {
        putc(',', out);
        put_label(out, "app", json_get_string(app, "name"));
    }
    if (family->quantile) {
        fprintf(out, ",quantile=\"%s\"", family->quantile);
    }
    fprintf(out, "} %.15g\n", value * family->factor);
}

static void put_worker_family(FILE *out, const struct family *family, const json_t *workers) {
    size_t i;
    const json_t *worker;
    put_head(out, family);
    json_array_foreach(workers, i, worker) {
        put_sample(out, family, json_get_number(worker, "pid"), NULL, worker);
    }
}

/** @param count  families with the same name, whose samples belong together */
static void put_app_families(FILE *out, const struct family *families, size_t count,
                             const json_t *workers) {
    size_t i, j;
    const json_t *worker, *app;
    put_head(out, families);
    json_array_foreach(workers, i, worker) {
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            for (size_t k = 0; k < count; k++) {
                put_sample(out, &families[k], json_get_number(worker, "pid"), app, app);
            }
        }
    }
}

/** OpenMetrics has a type for states: one of several samples is 1. */
static void put_states(FILE *out, const json_t *workers) {
    static const char *const s_states[] = {"serving", "loading", "failed", "draining"};
    size_t i, j;
    const json_t *worker, *app;
    fputs("# TYPE fcgi_host_state stateset\n# HELP fcgi_host_state State of an application.\n",
          out);
    json_array_foreach(workers, i, worker) {
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            const char *state = json_get_string(app, "state");
            for (size_t k = 0; k < sizeof s_states / sizeof s_states[0]; k++) {
                fprintf(out, "fcgi_host_state{worker=\"%.0f\",", json_get_number(worker, "pid"));
                put_label(out, "app", json_get_string(app, "name"));
                fprintf(out, ",fcgi_host_state=\"%s\"} %d\n", s_states[k],
                        strcmp(state, s_states[k]) == 0);
            }
        }
    }
}

char *status_metrics(const json_t *status) {
    char *text = NULL;
    size_t bytes = 0;
    const json_t *workers = json_object_get(status, "workers");
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return NULL;
    }
    locale_t before = c_locale_enter();
    fputs("# TYPE fcgi_host info\n# HELP fcgi_host The program.\nfcgi_host_info{", out);
    put_label(out, "version", json_get_string(status, "version"));
    putc(',', out);
    put_label(out, "python", json_get_string(status, "python"));
    fputs("} 1\n# TYPE fcgi_host_uptime_seconds gauge\n# UNIT fcgi_host_uptime_seconds seconds\n"
          "# HELP fcgi_host_uptime_seconds Since the host was started.\n",
          out);
    fprintf(out, "fcgi_host_uptime_seconds %.3f\n", json_get_number(status, "uptime_s"));
    for (size_t i = 0; i < sizeof s_of_workers / sizeof s_of_workers[0]; i++) {
        put_worker_family(out, &s_of_workers[i], workers);
    }
    for (size_t i = 0; i < sizeof s_of_apps / sizeof s_of_apps[0]; i++) {
        put_app_families(out, &s_of_apps[i], 1, workers);
    }
    put_app_families(out, s_latency, sizeof s_latency / sizeof s_latency[0], workers);
    put_states(out, workers);
    fputs("# EOF\n", out);
    c_locale_leave(before);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
