#include "fcgi_host/status/overview.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/applications.h"
#include "fcgi_host/status/table.h"
#include "fcgi_host/status/terminal.h"

/** Requests a second since the document before.  A worker that has gone took its count along. */
static void add_rates(struct status_applications *lines, const struct status_applications *before,
                      double seconds) {
    for (size_t i = 0; i < lines->count; i++) {
        struct status_application *line = &lines->items[i];
        for (size_t j = 0; j < before->count; j++) {
            double more = line->requests - before->items[j].requests;
            if (seconds > 0 && more > 0 && strcmp(line->name, before->items[j].name) == 0) {
                line->rate = more / seconds;
            }
        }
    }
}

static int compare(const void *a, const void *b) {
    const struct status_application *one = a, *other = b;
    if (!one->wrong != !other->wrong) {
        return one->wrong ? -1 : 1;
    }
    if (one->rate != other->rate) {
        return one->rate > other->rate ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

/** Requests of the last fifteen minutes, two steps a character. */
static void put_history(FILE *out, const json_t *history) {
    static const char *const s_blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    enum { BLOCKS = sizeof s_blocks / sizeof s_blocks[0], STEPS = 2 };
    const json_t *requests = json_object_get(history, "requests");
    double most = 0;
    size_t i;
    const json_t *value;
    json_array_foreach(requests, i, value) {
        most = fmax(most, json_number_value(value));
    }
    if (most == 0) {
        return;
    }
    fputs("last 15 min  ", out);
    /* The step that is going on is not whole. */
    for (i = 0; i + STEPS < json_array_size(requests); i += STEPS) {
        double larger = fmax(json_number_value(json_array_get(requests, i)),
                             json_number_value(json_array_get(requests, i + 1)));
        fputs(larger > 0 ? s_blocks[(size_t)fmin(larger / most * BLOCKS, BLOCKS - 1)] : " ", out);
    }
    fprintf(out, "  at most %.1f requests/s\n", most / fmax(json_get_number(history, "step_s"), 1));
}

static void put_head(FILE *out, const json_t *status, const struct status_applications *lines,
                     const struct overview_room *room) {
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
    fprintf(out, "workers %zu  %.0f MB  %.1f requests/s  %.0f in hand  %.0f queued\n",
            json_array_size(json_object_get(status, "workers")), bytes / (1 << 20), rate, in_flight,
            queued);
    if (room->is_utf8) {
        put_history(out, json_object_get(status, "history"));
    }
    fputs("\n", out);
}

static void put_reloads(FILE *out, const json_t *status) {
    size_t i;
    const json_t *reload, *reloads = json_object_get(status, "recent_reloads");
    if (json_array_size(reloads) > 0) {
        fputs("\n  reloads\n", out);
    }
    json_array_foreach(reloads, i, reload) {
        const char *app = json_get_string(reload, "app");
        const char *verdict = json_get_string(reload, "verdict");
        const char *why = json_get_string(reload, "why");
        fprintf(out, "%7.0f s ago  ", json_get_number(reload, "age_s"));
        terminal_put(out, *app ? app : json_get_string(reload, "process"), 0);
        fputs(" ", out);
        terminal_put(out, json_get_string(reload, "outcome"), 0);
        fprintf(out, " in %.0f ms%s", json_get_number(reload, "total_ms"), *verdict ? ", " : "");
        terminal_put(out, verdict, 0);
        fputs("  ", out);
        terminal_put(out, *why ? why : json_get_string(reload, "cause"), 0);
        fputs("\n", out);
    }
}

static void put_line(FILE *out, const struct status_application *line, int name_width) {
    fputs(line->wrong ? "! " : "  ", out);
    terminal_put(out, line->name, name_width);
    fputs("  ", out);
    terminal_put(out, line->state, 8);
    fprintf(out, " %2u %9.1f %8.1f %8.1f %5.0f %6.0f %5.0f  ", line->workers, line->rate, line->p50,
            line->p99, line->in_flight, line->queued, line->generation);
    const char *verdict = json_get_string(line->last, "verdict");
    terminal_put(out, json_get_string(line->last, "outcome"), 0);
    fputs(*verdict ? ", " : "", out);
    terminal_put(out, verdict, 0);
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

static char *write_text(const json_t *now, const struct status_applications *lines,
                        const struct overview_room *room) {
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
    put_head(out, now, lines, room);
    fprintf(out, "  %-*s  %-8s %2s %9s %8s %8s %5s %6s %5s  %s\n", name_width, "application",
            "state", "w", "req/s", "p50 ms", "p99 ms", "busy", "queued", "gen", "last reload");
    for (size_t i = 0; i < lines->count; i++) {
        put_line(out, &lines->items[i], name_width);
    }
    put_reloads(out, now);
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

char *status_overview(const json_t *before, const json_t *now, const struct overview_room *room) {
    struct status_applications lines = {0}, lines_before = {0};
    char *text = NULL;
    double seconds = json_get_number(now, "uptime_s") - json_get_number(before, "uptime_s");
    if (status_applications_collect(now, NULL, &lines) == 0 &&
        status_applications_collect(before, NULL, &lines_before) == 0) {
        add_rates(&lines, &lines_before, before ? seconds : 0);
        if (lines.count > 0) {
            qsort(lines.items, lines.count, sizeof *lines.items, compare);
        }
        text = write_text(now, &lines, room);
    }
    if (text) {
        cut(text, room);
    }
    status_applications_free(&lines_before);
    status_applications_free(&lines);
    return text;
}
