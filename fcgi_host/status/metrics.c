#include "fcgi_host/status/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/status/fields.h"

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

/** Begin a sample's labels: its worker, and that worker's process group. */
static void put_worker(FILE *out, const json_t *worker) {
    fprintf(out, "{worker=\"%.0f\",", json_get_number(worker, "pid"));
    put_label(out, "process", json_get_string(worker, "process"));
}

static void put_head(FILE *out, const struct status_field *field) {
    fprintf(out, "# TYPE %s %s\n", field->metric, field->type);
    if (field->unit) {
        fprintf(out, "# UNIT %s %s\n", field->metric, field->unit);
    }
    fprintf(out, "# HELP %s %s\n", field->metric, field->help);
}

/** @param app  NULL: the field is the worker's */
static void put_sample(FILE *out, const struct status_field *field, const json_t *worker,
                       const json_t *app) {
    double value = status_field_number(field, app ? app : worker);
    fprintf(out, "%s%s", field->metric, strcmp(field->type, "counter") == 0 ? "_total" : "");
    put_worker(out, worker);
    if (app) {
        putc(',', out);
        put_label(out, "app", json_get_string(app, "name"));
    }
    if (field->quantile) {
        fprintf(out, ",quantile=\"%s\"", field->quantile);
    }
    fprintf(out, "} %.15g\n", field->kind == STATUS_MS ? value * 0.001 : value);
}

/** @param count  fields with the same metric, whose samples belong together */
static void put_family(FILE *out, const struct status_field *fields, size_t count,
                       const json_t *workers) {
    size_t i, j;
    const json_t *worker, *app;
    put_head(out, fields);
    json_array_foreach(workers, i, worker) {
        if (fields->of == STATUS_WORKER) {
            put_sample(out, fields, worker, NULL);
            continue;
        }
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            for (size_t k = 0; k < count; k++) {
                put_sample(out, &fields[k], worker, app);
            }
        }
    }
}

static void put_families(FILE *out, const json_t *workers) {
    for (size_t i = 0, count; i < STATUS_FIELD_COUNT; i += count) {
        const struct status_field *field = &status_fields[i];
        count = 1;
        if (field->metric) {
            while (i + count < STATUS_FIELD_COUNT && field[count].metric &&
                   strcmp(field[count].metric, field->metric) == 0) {
                count++;
            }
            put_family(out, field, count, workers);
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
                fputs("fcgi_host_state", out);
                put_worker(out, worker);
                putc(',', out);
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
    put_families(out, workers);
    put_states(out, workers);
    fputs("# EOF\n", out);
    c_locale_leave(before);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
