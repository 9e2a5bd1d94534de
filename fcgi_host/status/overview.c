#include "fcgi_host/status/overview.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/table.h"
#include "fcgi_host/status/terminal.h"

/** An application, over all workers. */
struct line {
    const char *name;
    const char *state;             /**< the worst of its workers' */
    const char *outcome, *verdict; /**< of the last reload that something was wrong with, or any */
    double workers, requests, rate, in_flight, queued, p50, p99, generation;
    bool is_wrong;
};

struct lines {
    struct line *items;
    size_t count;
};

static double larger(double one, double other) {
    return one > other ? one : other;
}

static struct line *line_of(struct lines *lines, const char *name) {
    for (size_t i = 0; i < lines->count; i++) {
        if (strcmp(lines->items[i].name, name) == 0) {
            return &lines->items[i];
        }
    }
    struct line *items = realloc(lines->items, (lines->count + 1) * sizeof *items);
    if (!items) {
        return NULL;
    }
    lines->items = items;
    items[lines->count] = (struct line){.name = name, .state = "", .outcome = "", .verdict = ""};
    return &items[lines->count++];
}

/** Whether the last reload left the old code serving, or found something. */
static bool is_wrong_reload(const char *outcome, const char *verdict) {
    return strcmp(outcome, "kept") == 0 || (*verdict && strcmp(verdict, "clean") != 0);
}

static void add_application(struct line *line, const json_t *app) {
    const json_t *latency = json_object_get(app, "latency_ms");
    const json_t *last = json_object_get(json_object_get(app, "reload"), "last");
    const char *state = json_get_string(app, "state");
    const char *outcome = json_get_string(last, "outcome");
    const char *verdict = json_get_string(last, "verdict");
    bool is_serving = strcmp(state, "serving") == 0, is_wrong = is_wrong_reload(outcome, verdict);
    line->workers++;
    line->requests += json_get_number(app, "requests");
    line->in_flight += json_get_number(app, "in_flight");
    line->queued += json_get_number(app, "queued");
    line->p50 = larger(line->p50, json_get_number(latency, "p50"));
    line->p99 = larger(line->p99, json_get_number(latency, "p99"));
    line->generation = larger(line->generation, json_get_number(app, "generation"));
    if (!is_serving || !*line->state) {
        line->state = state;
    }
    if (is_wrong || !*line->outcome) {
        line->outcome = outcome;
        line->verdict = verdict;
    }
    line->is_wrong |= !is_serving || is_wrong;
}

/** @return 0, or -1: out of memory  @owns the strings are the document's */
static int collect(const json_t *status, struct lines *lines) {
    size_t i, j;
    const json_t *worker, *app;
    json_array_foreach(json_object_get(status, "workers"), i, worker) {
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            struct line *line = line_of(lines, json_get_string(app, "name"));
            if (!line) {
                return -1;
            }
            add_application(line, app);
        }
    }
    return 0;
}

/** Requests a second since the document before.  A worker that has gone took its count along. */
static void add_rates(struct lines *lines, const struct lines *before, double seconds) {
    for (size_t i = 0; i < lines->count; i++) {
        struct line *line = &lines->items[i];
        for (size_t j = 0; j < before->count; j++) {
            double more = line->requests - before->items[j].requests;
            if (seconds > 0 && more > 0 && strcmp(line->name, before->items[j].name) == 0) {
                line->rate = more / seconds;
            }
        }
    }
}

static int compare(const void *a, const void *b) {
    const struct line *one = a, *other = b;
    if (one->is_wrong != other->is_wrong) {
        return one->is_wrong ? -1 : 1;
    }
    if (one->rate != other->rate) {
        return one->rate > other->rate ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

static void put_head(FILE *out, const json_t *status, const struct lines *lines) {
    size_t i;
    const json_t *worker;
    double bytes = 0, rate = 0, in_flight = 0, queued = 0;
    json_array_foreach(json_object_get(status, "workers"), i, worker) {
        bytes += json_get_number(worker, "rss_bytes");
    }
    for (size_t j = 0; j < lines->count; j++) {
        rate += lines->items[j].rate;
        in_flight += lines->items[j].in_flight;
        queued += lines->items[j].queued;
    }
    status_put_head(out, status);
    fprintf(out, "workers %zu  %.0f MB  %.1f requests/s  %.0f in hand  %.0f queued\n\n",
            json_array_size(json_object_get(status, "workers")), bytes / (1 << 20), rate, in_flight,
            queued);
}

static void put_line(FILE *out, const struct line *line, int name_width) {
    fputs(line->is_wrong ? "! " : "  ", out);
    terminal_put(out, line->name, name_width);
    fputs("  ", out);
    terminal_put(out, line->state, 8);
    fprintf(out, " %2.0f %9.1f %8.1f %8.1f %5.0f %6.0f %5.0f  ", line->workers, line->rate,
            line->p50, line->p99, line->in_flight, line->queued, line->generation);
    terminal_put(out, line->outcome, 0);
    fputs(*line->verdict ? ", " : "", out);
    terminal_put(out, line->verdict, 0);
    fputs("\n", out);
}

/** Cut each line at a width, in place, and the text after so many lines. */
static void cut(char *text, const struct overview_room *room) {
    size_t lines = 0, column = 0;
    char *to = text;
    for (const char *from = text; *from && (!room->lines || lines < room->lines); from++) {
        bool is_continued = ((unsigned char)*from & 0xC0) == 0x80; /* of a character of UTF-8 */
        column = *from == '\n' ? 0 : column + !is_continued;
        if (!room->columns || column <= room->columns) {
            *to++ = *from;
        }
        lines += *from == '\n';
    }
    *to = '\0';
}

static char *write_text(const json_t *now, const struct lines *lines) {
    char *text = NULL;
    size_t bytes = 0;
    int name_width = (int)strlen("application");
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return NULL;
    }
    for (size_t i = 0; i < lines->count; i++) {
        int length = (int)strlen(lines->items[i].name);
        name_width = length > name_width ? length : name_width;
    }
    put_head(out, now, lines);
    fprintf(out, "  %-*s  %-8s %2s %9s %8s %8s %5s %6s %5s  %s\n", name_width, "application",
            "state", "w", "req/s", "p50 ms", "p99 ms", "busy", "queued", "gen", "last reload");
    for (size_t i = 0; i < lines->count; i++) {
        put_line(out, &lines->items[i], name_width);
    }
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

char *status_overview(const json_t *before, const json_t *now, const struct overview_room *room) {
    struct lines lines = {0}, lines_before = {0};
    char *text = NULL;
    double seconds = json_get_number(now, "uptime_s") - json_get_number(before, "uptime_s");
    if (collect(now, &lines) == 0 && collect(before, &lines_before) == 0) {
        add_rates(&lines, &lines_before, before ? seconds : 0);
        if (lines.count > 0) {
            qsort(lines.items, lines.count, sizeof *lines.items, compare);
        }
        text = write_text(now, &lines);
    }
    if (text) {
        cut(text, room);
    }
    free(lines_before.items);
    free(lines.items);
    return text;
}
