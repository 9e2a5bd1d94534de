#include "fcgi_host/status/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/status/fields.h"

/** What is being written. */
struct metrics {
    FILE *out;
    const json_t *status;
    enum metrics_format format;
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

/** What a sample is about. */
struct subject {
    const json_t *worker; /**< NULL: the host's process group, or task */
    const json_t *item; /**< what has the name of the process, the application; NULL: the worker */
};

/** Begin a sample's labels. */
static void put_labels(FILE *out, const struct subject *subject) {
    const json_t *worker = subject->worker, *item = subject->item;
    putc('{', out);
    if (worker) {
        fprintf(out, "worker=\"%.0f\",", json_get_number(worker, "pid"));
    }
    bool is_task = !worker && !json_object_get(item, "process");
    put_label(out, is_task ? "task" : "process",
              json_get_string(worker ? worker : item, is_task ? "name" : "process"));
    const json_t *app = item ? json_object_get(item, worker ? "name" : "app") : NULL;
    if (app) {
        putc(',', out);
        put_label(out, "app", json_string_value(app) ? json_string_value(app) : "");
    }
}

static bool is_of_type(const struct status_field *field, const char *type) {
    return strcmp(field->type, type) == 0;
}

/** @param name  of the metric family, without "_total" or "_info" */
static void put_head(const struct metrics *metrics, const char *name, const char *type,
                     const char *unit, const char *help) {
    FILE *out = metrics->out;
    const char *suffix = "";
    if (metrics->format == METRICS_TEXT) { /* a family is named as its samples, and has no unit */
        bool is_info = strcmp(type, "info") == 0;
        suffix = strcmp(type, "counter") == 0 ? "_total" : is_info ? "_info" : "";
        type = is_info || strcmp(type, "stateset") == 0 ? "gauge" : type;
        unit = NULL;
    }
    fprintf(out, "# TYPE %s%s %s\n", name, suffix, type);
    if (unit) {
        fprintf(out, "# UNIT %s %s\n", name, unit);
    }
    fprintf(out, "# HELP %s%s %s\n", name, suffix, help);
}

static void put_value(FILE *out, const struct status_field *field, double value) {
    fprintf(out, "} %.15g\n", field->kind == STATUS_MS ? value * 0.001 : value);
}

static void put_sample(FILE *out, const struct status_field *field, const struct subject *subject,
                       double value) {
    const char *suffix = is_of_type(field, "counter") ? "_total" : "";
    fprintf(out, "%s%s", field->metric, field->suffix ? field->suffix : suffix);
    put_labels(out, subject);
    if (field->label) {
        fprintf(out, ",%s=\"%s\"", field->label, field->label_value);
    }
    put_value(out, field, value);
}

/** OpenMetrics 1.0, "Histogram"; "Numbers": a bound that is whole has ".0". */
static void put_bucket(FILE *out, const struct status_field *field, const struct subject *subject,
                       const json_t *bucket) {
    char bound[32];
    snprintf(bound, sizeof bound, "%.15g", json_number_value(json_array_get(bucket, 0)) * 0.001);
    fprintf(out, "%s_bucket", field->metric);
    put_labels(out, subject);
    fprintf(out, ",le=\"%s%s\"} %.0f\n", bound, strpbrk(bound, ".e") ? "" : ".0",
            json_number_value(json_array_get(bucket, 1)));
}

static void put_histogram(FILE *out, const struct status_field *field,
                          const struct subject *subject) {
    const json_t *object = status_field_object(field, subject->item), *bucket;
    double count = json_get_number(object, "count"), sum_ms = json_get_number(object, "sum");
    size_t i;
    if (!object) {
        return;
    }
    json_array_foreach(json_object_get(object, field->key), i, bucket) {
        put_bucket(out, field, subject, bucket);
    }
    fprintf(out, "%s_bucket", field->metric);
    put_labels(out, subject);
    fprintf(out, ",le=\"+Inf\"} %.0f\n%s_count", count, field->metric);
    put_labels(out, subject);
    fprintf(out, "} %.0f\n%s_sum", count, field->metric);
    put_labels(out, subject);
    fprintf(out, "} %.15g\n", sum_ms * 0.001);
}

/** @param count  fields with the same metric, whose samples belong together */
static void put_samples(FILE *out, const struct status_field *fields, size_t count,
                        const struct subject *subject) {
    for (size_t k = 0; k < count; k++) {
        if (is_of_type(&fields[k], "histogram")) {
            put_histogram(out, &fields[k], subject);
        } else if (fields->of == STATUS_HOST) { /* the fields are in each of a list */
            put_sample(out, &fields[k], subject, json_get_number(subject->item, fields[k].key));
        } else {
            const json_t *owner = subject->item ? subject->item : subject->worker;
            put_sample(out, &fields[k], subject, status_field_number(&fields[k], owner));
        }
    }
}

static void put_family(const struct metrics *metrics, const struct status_field *fields,
                       size_t count) {
    FILE *out = metrics->out;
    size_t i, j;
    struct subject subject = {NULL, NULL};
    put_head(metrics, fields->metric, fields->type, fields->unit, fields->help);
    if (fields->of == STATUS_HOST) {
        json_array_foreach(status_field_object(fields, metrics->status), i, subject.item) {
            put_samples(out, fields, count, &subject);
        }
        return;
    }
    json_array_foreach(json_object_get(metrics->status, "workers"), i, subject.worker) {
        subject.item = NULL;
        if (fields->of == STATUS_WORKER) {
            put_samples(out, fields, count, &subject);
            continue;
        }
        json_array_foreach(json_object_get(subject.worker, "apps"), j, subject.item) {
            put_samples(out, fields, count, &subject);
        }
    }
}

static void put_families(const struct metrics *metrics) {
    for (size_t i = 0, count; i < STATUS_FIELD_COUNT; i += count) {
        const struct status_field *field = &status_fields[i];
        count = 1;
        if (field->metric) {
            while (i + count < STATUS_FIELD_COUNT && field[count].metric &&
                   strcmp(field[count].metric, field->metric) == 0) {
                count++;
            }
            put_family(metrics, field, count);
        }
    }
}

/** OpenMetrics has a type for states: one of several samples is 1. */
static void put_states(const struct metrics *metrics) {
    static const char *const s_states[] = {"serving", "loading", "failed", "draining"};
    size_t i, j;
    struct subject subject;
    put_head(metrics, "fcgi_host_state", "stateset", NULL, "State of an application.");
    json_array_foreach(json_object_get(metrics->status, "workers"), i, subject.worker) {
        json_array_foreach(json_object_get(subject.worker, "apps"), j, subject.item) {
            const char *state = json_get_string(subject.item, "state");
            for (size_t k = 0; k < sizeof s_states / sizeof s_states[0]; k++) {
                fputs("fcgi_host_state", metrics->out);
                put_labels(metrics->out, &subject);
                fprintf(metrics->out, ",fcgi_host_state=\"%s\"} %d\n", s_states[k],
                        strcmp(state, s_states[k]) == 0);
            }
        }
    }
}

static void put_revisions(const struct metrics *metrics) {
    static const char s_help[] = "Revision of an application's code.";
    size_t i, j;
    struct subject subject;
    put_head(metrics, "fcgi_host_revision", "info", NULL, s_help);
    json_array_foreach(json_object_get(metrics->status, "workers"), i, subject.worker) {
        json_array_foreach(json_object_get(subject.worker, "apps"), j, subject.item) {
            const char *revision = json_get_string(subject.item, "revision");
            if (*revision) {
                fputs("fcgi_host_revision_info", metrics->out);
                put_labels(metrics->out, &subject);
                putc(',', metrics->out);
                put_label(metrics->out, "revision", revision);
                fputs("} 1\n", metrics->out);
            }
        }
    }
}

static void put_host(const struct metrics *metrics) {
    FILE *out = metrics->out;
    put_head(metrics, "fcgi_host", "info", NULL, "The program.");
    fputs("fcgi_host_info{", out);
    put_label(out, "version", json_get_string(metrics->status, "version"));
    putc(',', out);
    put_label(out, "python", json_get_string(metrics->status, "python"));
    fputs("} 1\n", out);
    put_head(metrics, "fcgi_host_uptime_seconds", "gauge", "seconds",
             "Since the host was started.");
    fprintf(out, "fcgi_host_uptime_seconds %.3f\n", json_get_number(metrics->status, "uptime_s"));
}

const char *metrics_content_type(enum metrics_format format) {
    return format == METRICS_TEXT ? "text/plain; version=0.0.4; charset=utf-8"
                                  : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

char *status_metrics(const json_t *status, enum metrics_format format) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return NULL;
    }
    const struct metrics metrics = {out, status, format};
    locale_t before = c_locale_enter();
    put_host(&metrics);
    put_families(&metrics);
    put_states(&metrics);
    put_revisions(&metrics);
    if (format == METRICS_OPENMETRICS) {
        fputs("# EOF\n", out);
    }
    c_locale_leave(before);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
