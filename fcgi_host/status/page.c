#include "fcgi_host/status/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/status_page_css.h"
#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/base/html.h"
#include "fcgi_host/status/fields.h"

/** Seconds between two looks: the page costs a worker less than a millisecond. */
#define REFRESH_S "5"

/* ---- Pieces ---- */

static void put_text(FILE *out, const char *text) {
    html_put_text(out, text, strlen(text));
}

static void put_string(FILE *out, const json_t *object, const char *key) {
    put_text(out, json_get_string(object, key));
}

/** The colour of a state, an outcome or a verdict. */
static const char *class_of(const char *word) {
    static const struct {
        const char *word, *class;
    } s_classes[] = {
        {"serving", "good"},  {"switched", "good"}, {"clean", "good"},         {"loading", "busy"},
        {"starting", "busy"}, {"draining", "busy"}, {"kept", "bad"},           {"failed", "bad"},
        {"stuck", "bad"},     {"stale", "bad"},     {"dangling", "bad"},       {"shared", "bad"},
        {"crashes", "bad"},   {"breaks", "bad"},    {"reinitialised", "busy"}, {"refuses", "busy"},
        {"replaced", "good"}, {"unknown", "bad"},
    };
    for (size_t i = 0; i < sizeof s_classes / sizeof s_classes[0]; i++) {
        if (strcmp(word, s_classes[i].word) == 0) {
            return s_classes[i].class;
        }
    }
    return "";
}

static void put_word(FILE *out, const char *word) {
    fprintf(out, "<span class=\"%s\">", class_of(word));
    put_text(out, word);
    fputs("</span>", out);
}

static void put_headings(FILE *out) {
    const struct status_field *field;
    for (unsigned i = 1; (field = status_column(i)); i++) {
        fputs("<th class=\"n\"", out);
        if (field->hint) {
            fprintf(out, " title=\"%s\"", field->hint);
        }
        fprintf(out, ">%s</th>", field->title);
    }
}

static void put_number_cells(FILE *out, const json_t *app) {
    const struct status_field *field;
    for (unsigned i = 1; (field = status_column(i)); i++) {
        fprintf(out, "<td class=\"n\">%.*f</td>", status_field_digits(field),
                status_field_number(field, app));
    }
}

static void put_duration(FILE *out, double seconds) {
    if (seconds < 120) {
        fprintf(out, "%.0f s", seconds);
    } else if (seconds < 7200) {
        fprintf(out, "%.0f min", seconds / 60);
    } else if (seconds < 172800) {
        fprintf(out, "%.0f h", seconds / 3600);
    } else {
        fprintf(out, "%.0f days", seconds / 86400);
    }
}

static void put_tile(FILE *out, const char *label, double value) {
    fprintf(out, "<div class=\"tile\"><b>%.0f</b>%s</div>", value, label);
}

/* ---- Applications ---- */

static void put_last_reload(FILE *out, const json_t *reload) {
    const json_t *last = json_object_get(reload, "last");
    const char *verdict = json_get_string(last, "verdict");
    fputs("<td class=\"small\"><span title=\"", out);
    put_string(out, reload, "why");
    fputs("\">", out);
    put_string(out, reload, "strategy");
    fputs("</span>", out);
    if (json_is_object(last)) {
        fputs("<br>", out);
        put_word(out, json_get_string(last, "outcome"));
        fprintf(out, " in %.0f ms", json_get_number(last, "total_ms"));
        if (*verdict) {
            fputs(", ", out);
            put_word(out, verdict);
        }
        fputs("<br><span class=\"soft path\">", out);
        put_string(out, last, "cause");
        fputs("<br>", out);
        put_string(out, last, "at");
        fputs("</span>", out);
    }
    fputs("</td>", out);
}

static void put_extensions(FILE *out, const json_t *app) {
    const json_t *extensions = json_object_get(app, "extensions");
    size_t i;
    const json_t *each;
    if (json_array_size(extensions) == 0) {
        return;
    }
    fprintf(out, "<details class=\"small\"><summary>%zu extension modules</summary>",
            json_array_size(extensions));
    json_array_foreach(extensions, i, each) {
        put_string(out, each, "module");
        fputs(" ", out);
        put_word(out, json_get_string(each, "verdict"));
        fputs("<br>", out);
    }
    fputs("</details>", out);
}

static void put_preload(FILE *out, const json_t *preload) {
    double modules = json_get_number(preload, "modules");
    if (modules > 0) {
        fprintf(out,
                "<br><span class=\"soft small\">began with %.0f modules, which take %.0f ms to "
                "import</span>",
                modules, json_get_number(preload, "saved_ms"));
    }
}

static void put_application(FILE *out, const json_t *app) {
    const char *error = json_get_string(app, "error");
    const json_t *placement = json_object_get(app, "placement");
    const char *why = json_get_string(placement, "why");
    fputs("<tr><td><b>", out);
    put_string(out, app, "name");
    fputs("</b><br><span class=\"soft small path\">", out);
    put_string(out, app, "file");
    fputs("</span>", out);
    if (*error) {
        fputs("<details class=\"small bad\"><summary>why it failed</summary><pre>", out);
        put_text(out, error);
        fputs("</pre></details>", out);
    }
    if (*why) {
        const char *since = json_get_string(placement, "since");
        fputs("<br><span class=\"soft small\">in the main interpreter of process ", out);
        put_string(out, placement, "process");
        fputs(*since ? " since " : "", out);
        put_text(out, since);
        fputs(": ", out);
        put_text(out, why);
        fputs("</span>", out);
    }
    put_preload(out, json_object_get(app, "preload"));
    put_extensions(out, app);
    fputs("</td><td>", out);
    put_word(out, json_get_string(app, "state"));
    fputs("</td><td>", out);
    put_string(out, app, "interpreter");
    fputs(strcmp(json_get_string(app, "gil"), "own") == 0 ? "<br>own GIL</td>" : "</td>", out);
    put_number_cells(out, app);
    put_last_reload(out, json_object_get(app, "reload"));
    fputs("</tr>\n", out);
}

/* ---- Workers ---- */

static void put_running(FILE *out, const json_t *running) {
    size_t i;
    const json_t *each;
    if (json_array_size(running) == 0) {
        return;
    }
    fputs("<details class=\"small\"><summary>requests running now</summary><pre>", out);
    json_array_foreach(running, i, each) {
        fprintf(out, "%9.0f ms  ", json_get_number(each, "ms"));
        put_string(out, each, "app");
        fputs("  ", out);
        put_string(out, each, "doing");
        fputs("  ", out);
        put_string(out, each, "request_id");
        fputs("\n", out);
    }
    fputs("</pre></details>", out);
}

static void put_worker(FILE *out, const json_t *worker) {
    size_t i;
    const json_t *app, *connections = json_object_get(worker, "connections");
    fprintf(out, "<h2>Worker %.0f ", json_get_number(worker, "pid"));
    put_word(out, json_get_string(worker, "state"));
    fputs(" <span class=\"soft small\">process ", out);
    put_string(out, worker, "process");
    fprintf(
        out,
        "</span></h2><p class=\"soft small\">%.0f requests · %.0f MB resident · %.0f connections, "
        "%.0f of them idle · %.0f zombies</p>\n",
        json_get_number(worker, "requests"), json_get_number(worker, "rss_bytes") / (1 << 20),
        json_get_number(connections, "open"), json_get_number(connections, "idle"),
        json_get_number(worker, "zombies"));
    fputs("<div class=\"scroll\"><table><tr><th>Application</th><th>State</th><th>Interpreter</th>",
          out);
    put_headings(out);
    fputs("<th>Reload</th></tr>\n", out);
    json_array_foreach(json_object_get(worker, "apps"), i, app) {
        put_application(out, app);
    }
    fputs("</table></div>\n", out);
    put_running(out, json_object_get(worker, "running"));
}

/** @return whether a worker before this one has the application: workers of one process group have
 *  the same, those of different groups do not */
static bool is_known(const json_t *workers, size_t worker_count, const char *name) {
    size_t j;
    const json_t *app;
    for (size_t i = 0; i < worker_count; i++) {
        json_array_foreach(json_object_get(json_array_get(workers, i), "apps"), j, app) {
            if (strcmp(json_get_string(app, "name"), name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void put_tiles(FILE *out, const json_t *workers) {
    double apps = 0, failed = 0, requests = 0, running = 0, queued = 0;
    size_t i, j;
    const json_t *worker, *app;
    json_array_foreach(workers, i, worker) {
        requests += json_get_number(worker, "requests");
        json_array_foreach(json_object_get(worker, "apps"), j, app) {
            if (!is_known(workers, i, json_get_string(app, "name"))) {
                apps++;
                failed += strcmp(json_get_string(app, "state"), "failed") == 0;
            }
            running += json_get_number(app, "in_flight");
            queued += json_get_number(app, "queued");
        }
    }
    fputs("<div class=\"tiles\">", out);
    put_tile(out, "workers", (double)json_array_size(workers));
    put_tile(out, "applications", apps);
    put_tile(out, "requests", requests);
    put_tile(out, "running", running);
    put_tile(out, "queued", queued);
    put_tile(out, failed > 0 ? "<span class=\"bad\">failed</span>" : "failed", failed);
    fputs("</div>\n", out);
}

static void put_replacement(FILE *out, const json_t *last) {
    const char *why = json_get_string(last, "why");
    if (!json_is_object(last)) {
        return;
    }
    fputs("<p class=\"small\">Last worker replacement: ", out);
    put_word(out, json_get_string(last, "outcome"));
    fprintf(out, " in %.0f ms (", json_get_number(last, "total_ms"));
    put_string(out, last, "cause");
    fputs(") <span class=\"soft\">", out);
    put_string(out, last, "at");
    fputs("</span>", out);
    if (*why) {
        fputs("<br><span class=\"bad\">", out);
        put_text(out, why);
        fputs("</span>", out);
    }
    fputs("</p>\n", out);
}

static void put_task(FILE *out, const json_t *task) {
    bool has_failed = strcmp(json_get_string(task, "outcome"), "failed") == 0;
    fputs("<p>Task ", out);
    put_string(out, task, "name");
    fputs(" of ", out);
    put_string(out, task, "app");
    fputs(" is ", out);
    put_string(out, task, "state");
    fprintf(out, " <span class=\"soft\">(%.0f runs, next ", json_get_number(task, "runs"));
    put_string(out, task, "next_at");
    fputs(")</span>", out);
    if (has_failed) {
        fputs(" <span class=\"bad\">failed ", out);
        put_string(out, task, "ended_at");
        fputs(": ", out);
        put_string(out, task, "why");
        fputs("</span>", out);
    }
    fputs("</p>\n", out);
}

char *status_page(const json_t *status) {
    char *page = NULL;
    size_t bytes = 0;
    size_t i;
    const json_t *workers = json_object_get(status, "workers"), *worker, *group;
    FILE *out = open_memstream(&page, &bytes);
    if (!out) {
        return NULL;
    }
    locale_t before = c_locale_enter();
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width\">"
            "<meta http-equiv=\"refresh\" content=\"" REFRESH_S "\">"
            "<title>fcgi_host</title><style>\n%s</style></head><body>\n"
            "<h1>fcgi_host</h1><p class=\"soft\">version ",
            status_page_css);
    put_string(out, status, "version");
    fputs(" · Python ", out);
    put_string(out, status, "python");
    fprintf(out, " · process %.0f · up ", json_get_number(status, "pid"));
    put_duration(out, json_get_number(status, "uptime_s"));
    fputs("</p>\n", out);
    put_tiles(out, workers);
    put_replacement(out, json_object_get(status, "last_replacement"));
    json_array_foreach(json_object_get(status, "asleep"), i, group) {
        fputs("<p>Process ", out);
        put_string(out, group, "process");
        fputs(" is asleep <span class=\"soft\">(", out);
        put_string(out, group, "applications");
        fputs(")</span></p>\n", out);
    }
    json_array_foreach(json_object_get(status, "templates"), i, group) {
        fputs("<p>Template of process ", out);
        put_string(out, group, "process");
        fprintf(out, " <span class=\"soft\">(%.0f: %.0f modules, %.0f MB resident)</span></p>\n",
                json_get_number(group, "pid"), json_get_number(group, "modules"),
                json_get_number(group, "rss_bytes") / (1 << 20));
    }
    json_array_foreach(json_object_get(status, "tasks"), i, group) {
        put_task(out, group);
    }
    json_array_foreach(workers, i, worker) {
        put_worker(out, worker);
    }
    fputs("<p class=\"soft small\">Refreshed every " REFRESH_S " seconds · "
          "<a href=\"?json\">JSON</a> · <a href=\"?openmetrics\">OpenMetrics</a></p>"
          "</body></html>\n",
          out);
    c_locale_leave(before);
    if (fclose(out)) {
        free(page);
        return NULL;
    }
    return page;
}
