#include "fcgi_host/status/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/fields.h"
#include "fcgi_host/status/terminal.h"

static void put_last_line(FILE *out, const char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    size_t start = length;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    char *line = strndup(text + start, length - start);
    terminal_put(out, line ? line : "", 0);
    free(line);
}

static int longest_name(const json_t *workers) {
    int longest = 11; /* of the heading */
    size_t i, j;
    const json_t *worker, *app;
    json_array_foreach(workers, i, worker) {
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            int length = (int)strlen(json_get_string(app, "name"));
            longest = length > longest ? length : longest;
        }
    }
    return longest;
}

static void put_reload(FILE *out, const json_t *reload) {
    const json_t *last = json_object_get(reload, "last");
    terminal_put(out, json_get_string(reload, "strategy"), 0);
    if (json_is_object(last)) {
        fputs(": ", out);
        terminal_put(out, json_get_string(last, "outcome"), 0);
        fprintf(out, " in %.0f ms", json_get_number(last, "total_ms"));
        const char *verdict = json_get_string(last, "verdict");
        if (*verdict) {
            fputs(", ", out);
            terminal_put(out, verdict, 0);
        }
        fputs(" (", out);
        terminal_put(out, json_get_string(last, "cause"), 0);
        fputs(")", out);
    }
}

static void put_application(FILE *out, const json_t *app, int name_width) {
    const struct status_field *field;
    const json_t *reload = json_object_get(app, "reload");
    const char *error = json_get_string(app, "error");
    fputs("  ", out);
    terminal_put(out, json_get_string(app, "name"), name_width);
    fputs("  ", out);
    terminal_put(out, json_get_string(app, "state"), 9);
    for (unsigned i = 1; (field = status_column(i)); i++) {
        fprintf(out, "  %*.*f", field->width, status_field_digits(field),
                status_field_number(field, app));
    }
    fputs("  ", out);
    put_reload(out, reload);
    fputs("\n", out);
    if (*error) {
        fputs("      error: ", out);
        put_last_line(out, error);
        fputs("\n", out);
    }
    if (strcmp(json_get_string(app, "interpreter"), json_get_string(app, "name")) != 0) {
        fputs("      interpreter: ", out);
        terminal_put(out, json_get_string(app, "interpreter"), 0);
        fputs("\n", out);
    }
    const char *moved = json_get_string(json_object_get(app, "placement"), "why");
    if (*moved) {
        fputs("      process: ", out);
        terminal_put(out, moved, 0);
        fputs("\n", out);
    }
    const json_t *preload = json_object_get(app, "preload");
    if (json_get_number(preload, "modules") > 0) {
        fprintf(out, "      began with %.0f modules, which take %.0f ms to import\n",
                json_get_number(preload, "modules"), json_get_number(preload, "saved_ms"));
    }
    const char *why = json_get_string(reload, "why");
    if (*why) {
        fputs("      reload: ", out);
        terminal_put(out, why, 0);
        fputs("\n", out);
    }
}

static void put_worker(FILE *out, const json_t *worker, int name_width) {
    size_t i;
    const json_t *app;
    const struct status_field *field;
    fprintf(out, "\nworker %.0f  ", json_get_number(worker, "pid"));
    terminal_put(out, json_get_string(worker, "state"), 0);
    fputs("  process ", out);
    terminal_put(out, json_get_string(worker, "process"), 0);
    fprintf(out, "  %.0f requests  %.0f MB\n", json_get_number(worker, "requests"),
            json_get_number(worker, "rss_bytes") / (1 << 20));
    fprintf(out, "  %-*s  %-9s", name_width, "application", "state");
    for (unsigned j = 1; (field = status_column(j)); j++) {
        fprintf(out, "  %*s", field->width, field->heading);
    }
    fputs("  reload\n", out);
    json_array_foreach(json_object_get(worker, "apps"), i, app) {
        put_application(out, app, name_width);
    }
}

void status_put_head(FILE *out, const json_t *status) {
    fputs("fcgi_host ", out);
    terminal_put(out, json_get_string(status, "version"), 0);
    fputs("  Python ", out);
    terminal_put(out, json_get_string(status, "python"), 0);
    fprintf(out, "  process %.0f  up %.0f s\n", json_get_number(status, "pid"),
            json_get_number(status, "uptime_s"));
}

static void put_task(FILE *out, const json_t *task) {
    fputs("\ntask ", out);
    terminal_put(out, json_get_string(task, "name"), 0);
    fputs(" of ", out);
    terminal_put(out, json_get_string(task, "app"), 0);
    fprintf(out, ": %s  %.0f runs  %.0f failed  next ", json_get_string(task, "state"),
            json_get_number(task, "runs"), json_get_number(task, "failures"));
    terminal_put(out, json_get_string(task, "next_at"), 0);
    fputs("\n", out);
    if (*json_get_string(task, "why")) {
        fputs("  ", out);
        terminal_put(out, json_get_string(task, "why"), 0);
        fputs("\n", out);
    }
}

char *status_table(const json_t *status) {
    char *text = NULL;
    size_t bytes = 0;
    size_t i;
    const json_t *workers = json_object_get(status, "workers"), *worker, *group;
    const json_t *last = json_object_get(status, "last_replacement");
    int name_width = longest_name(workers);
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return NULL;
    }
    status_put_head(out, status);
    if (json_is_object(last)) {
        fputs("last replacement: ", out);
        terminal_put(out, json_get_string(last, "outcome"), 0);
        fprintf(out, " in %.0f ms, ", json_get_number(last, "total_ms"));
        terminal_put(out, json_get_string(last, "cause"), 0);
        fputs(*json_get_string(last, "why") ? ": " : "", out);
        terminal_put(out, json_get_string(last, "why"), 0);
        fputs("\n", out);
    }
    json_array_foreach(json_object_get(status, "asleep"), i, group) {
        fputs("\nprocess ", out);
        terminal_put(out, json_get_string(group, "process"), 0);
        fputs(" is asleep: ", out);
        terminal_put(out, json_get_string(group, "applications"), 0);
        fputs("\n", out);
    }
    json_array_foreach(json_object_get(status, "templates"), i, group) {
        fputs("\ntemplate of process ", out);
        terminal_put(out, json_get_string(group, "process"), 0);
        fprintf(out, ": %.0f  %.0f modules  %.0f MB\n", json_get_number(group, "pid"),
                json_get_number(group, "modules"), json_get_number(group, "rss_bytes") / (1 << 20));
    }
    json_array_foreach(json_object_get(status, "tasks"), i, group) {
        put_task(out, group);
    }
    json_array_foreach(workers, i, worker) {
        put_worker(out, worker, name_width);
    }
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
