#include "fcgi_host/status/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log_text.h"

/** What the status holds of applications is theirs to choose: no escape sequence of theirs reaches
 *  the terminal. */
static void put_safe(FILE *out, const char *text, int width) {
    size_t room = log_text_escaped_bytes(text, strlen(text));
    char *safe = malloc(room);
    if (safe) {
        log_text_escape(safe, room, text, strlen(text));
    }
    fprintf(out, "%-*s", width, safe ? safe : "");
    free(safe);
}

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
    put_safe(out, line ? line : "", 0);
    free(line);
}

static int longest_name(const struct json *workers) {
    int longest = 11; /* of the heading */
    for (const struct json *worker = workers; worker; worker = worker->next) {
        const struct json *apps = json_get(worker, "apps");
        for (const struct json *app = apps ? apps->child : NULL; app; app = app->next) {
            int length = (int)strlen(json_get_string(app, "name", ""));
            longest = length > longest ? length : longest;
        }
    }
    return longest;
}

static void put_reload(FILE *out, const struct json *reload) {
    const struct json *last = json_get(reload, "last");
    put_safe(out, json_get_string(reload, "strategy", ""), 0);
    if (last && last->type == JSON_OBJECT) {
        fprintf(out, ": %s in %.0f ms", json_get_string(last, "outcome", ""),
                json_get_number(last, "total_ms", 0));
        const char *verdict = json_get_string(last, "verdict", "");
        if (*verdict) {
            fprintf(out, ", %s", verdict);
        }
        fputs(" (", out);
        put_safe(out, json_get_string(last, "cause", ""), 0);
        fputs(")", out);
    }
}

static void put_application(FILE *out, const struct json *app, int name_width) {
    const struct json *latency = json_get(app, "latency_ms");
    const struct json *reload = json_get(app, "reload");
    const char *error = json_get_string(app, "error", "");
    fputs("  ", out);
    put_safe(out, json_get_string(app, "name", ""), name_width);
    fprintf(out, "  %-9s  %4.0f  %10.0f  %7.0f  %6.0f  %8.0f  %8.1f  %8.1f  ",
            json_get_string(app, "state", ""), json_get_number(app, "generation", 0),
            json_get_number(app, "requests", 0), json_get_number(app, "in_flight", 0),
            json_get_number(app, "queued", 0), json_get_number(app, "rejected", 0),
            json_get_number(latency, "p50", 0), json_get_number(latency, "p99", 0));
    put_reload(out, reload);
    fputs("\n", out);
    if (*error) {
        fputs("      error: ", out);
        put_last_line(out, error);
        fputs("\n", out);
    }
    if (strcmp(json_get_string(app, "interpreter", ""), json_get_string(app, "name", "")) != 0) {
        fputs("      interpreter: ", out);
        put_safe(out, json_get_string(app, "interpreter", ""), 0);
        fputs("\n", out);
    }
    const char *why = json_get_string(reload, "why", "");
    if (*why) {
        fputs("      reload: ", out);
        put_safe(out, why, 0);
        fputs("\n", out);
    }
}

static void put_worker(FILE *out, const struct json *worker, int name_width) {
    const struct json *apps = json_get(worker, "apps");
    fprintf(out, "\nworker %.0f  %s  %.0f requests  %.0f MB\n", json_get_number(worker, "pid", 0),
            json_get_string(worker, "state", ""), json_get_number(worker, "requests", 0),
            json_get_number(worker, "rss_bytes", 0) / (1 << 20));
    fprintf(out, "  %-*s  %-9s  %4s  %10s  %7s  %6s  %8s  %8s  %8s  %s\n", name_width,
            "application", "state", "gen", "requests", "running", "queued", "rejected", "p50 ms",
            "p99 ms", "reload");
    for (const struct json *app = apps ? apps->child : NULL; app; app = app->next) {
        put_application(out, app, name_width);
    }
}

char *status_table(const struct json *status) {
    char *text = NULL;
    size_t bytes = 0;
    const struct json *list = json_get(status, "workers");
    const struct json *workers = list ? list->child : NULL;
    const struct json *last = json_get(status, "last_replacement");
    int name_width = longest_name(workers);
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return NULL;
    }
    fprintf(out, "fcgi_host %s  Python %s  process %.0f  up %.0f s\n",
            json_get_string(status, "version", ""), json_get_string(status, "python", ""),
            json_get_number(status, "pid", 0), json_get_number(status, "uptime_s", 0));
    if (last && last->type == JSON_OBJECT) {
        fprintf(out, "last replacement: %s in %.0f ms, ", json_get_string(last, "outcome", ""),
                json_get_number(last, "total_ms", 0));
        put_safe(out, json_get_string(last, "cause", ""), 0);
        fputs(*json_get_string(last, "why", "") ? ": " : "", out);
        put_safe(out, json_get_string(last, "why", ""), 0);
        fputs("\n", out);
    }
    for (const struct json *worker = workers; worker; worker = worker->next) {
        put_worker(out, worker, name_width);
    }
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
