#include "fcgi_host/status/overview.h"

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

static void put_head(FILE *out, const json_t *status, const struct status_applications *lines) {
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

static void put_line(FILE *out, const struct status_application *line, int name_width) {
    fputs(line->wrong ? "! " : "  ", out);
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

static char *write_text(const json_t *now, const struct status_applications *lines) {
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
    struct status_applications lines = {0}, lines_before = {0};
    char *text = NULL;
    double seconds = json_get_number(now, "uptime_s") - json_get_number(before, "uptime_s");
    if (status_applications_collect(now, NULL, &lines) == 0 &&
        status_applications_collect(before, NULL, &lines_before) == 0) {
        add_rates(&lines, &lines_before, before ? seconds : 0);
        if (lines.count > 0) {
            qsort(lines.items, lines.count, sizeof *lines.items, compare);
        }
        text = write_text(now, &lines);
    }
    if (text) {
        cut(text, room);
    }
    status_applications_free(&lines_before);
    status_applications_free(&lines);
    return text;
}
