#include "fcgi_host/status/page.h"

#include <stdlib.h>
#include <string.h>

#include "embedded/status_page_css.h"
#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/status/page_internal.h"

/** Seconds between two looks: the page costs a worker less than a millisecond. */
#define REFRESH_S "5"

static void put_head(const struct page *page, bool is_still) {
    FILE *out = page->out;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<meta name=\"color-scheme\" content=\"light dark\">",
          out);
    if (!is_still) {
        fputs("<meta http-equiv=\"refresh\" content=\"" REFRESH_S "\">", out);
    }
    fprintf(out,
            "<title>fcgi_host</title><style>\n%s</style></head><body>\n"
            "<h1>fcgi_host</h1><p class=\"soft\">version ",
            status_page_css);
    page_put_string(out, page->status, "version");
    fputs(" · Python ", out);
    page_put_string(out, page->status, "python");
    fprintf(out, " · process %.0f · up ", json_get_number(page->status, "pid"));
    page_put_duration(out, json_get_number(page->status, "uptime_s"));
    fputs(is_still ? " · <a href=\"?\">refresh every " REFRESH_S " seconds</a></p>\n"
                   : " · refreshed every " REFRESH_S " seconds, <a href=\"?still\">stop</a></p>\n",
          out);
}

static void put_tile(FILE *out, const char *label, double value) {
    fprintf(out, "<div class=\"tile\"><b>%.0f</b>%s</div>", value, label);
}

static void put_tiles(const struct page *page) {
    double apps = 0, failed = 0, requests = 0, running = 0, queued = 0;
    for (size_t i = 0; i < page->count; i++) {
        const struct status_applications *applications = &page->groups[i].applications;
        for (size_t j = 0; j < applications->count; j++) {
            const struct status_application *application = &applications->items[j];
            apps++;
            failed += strcmp(application->state, "failed") == 0;
            requests += application->requests;
            running += application->in_flight;
            queued += application->queued;
        }
    }
    fputs("<div class=\"tiles\">", page->out);
    put_tile(page->out, "workers",
             (double)json_array_size(json_object_get(page->status, "workers")));
    put_tile(page->out, "applications", apps);
    put_tile(page->out, "requests", requests);
    put_tile(page->out, "running", running);
    put_tile(page->out, "queued", queued);
    put_tile(page->out, failed > 0 ? "<span class=\"bad\">failed</span>" : "failed", failed);
    fputs("</div>\n", page->out);
}

static void put_task(FILE *out, const json_t *task) {
    bool has_failed = strcmp(json_get_string(task, "outcome"), "failed") == 0;
    fputs("<p>Task ", out);
    page_put_string(out, task, "name");
    fputs(" of ", out);
    page_put_string(out, task, "app");
    fputs(" is ", out);
    page_put_string(out, task, "state");
    fprintf(out, " <span class=\"soft\">(%.0f runs, next ", json_get_number(task, "runs"));
    page_put_string(out, task, "next_at");
    fputs(")</span>", out);
    if (has_failed) {
        fputs(" <span class=\"bad\">failed ", out);
        page_put_string(out, task, "ended_at");
        fputs(": ", out);
        page_put_string(out, task, "why");
        fputs("</span>", out);
    }
    fputs("</p>\n", out);
}

/** What has no process that would tell of it. */
static void put_others(const struct page *page) {
    size_t i;
    const json_t *each;
    FILE *out = page->out;
    json_array_foreach(json_object_get(page->status, "asleep"), i, each) {
        fputs("<p>Process ", out);
        page_put_string(out, each, "process");
        fputs(" is asleep <span class=\"soft\">(", out);
        page_put_string(out, each, "applications");
        fputs(")</span></p>\n", out);
    }
    json_array_foreach(json_object_get(page->status, "templates"), i, each) {
        fputs("<p>Template of process ", out);
        page_put_string(out, each, "process");
        fprintf(out, " <span class=\"soft\">(%.0f: %.0f modules, %.0f MB resident)</span></p>\n",
                json_get_number(each, "pid"), json_get_number(each, "modules"),
                json_get_number(each, "rss_bytes") / (1 << 20));
    }
    json_array_foreach(json_object_get(page->status, "tasks"), i, each) {
        put_task(out, each);
    }
}

char *status_page(const json_t *status, bool is_still) {
    char *text = NULL;
    size_t bytes = 0;
    struct page page = {.status = status, .out = open_memstream(&text, &bytes)};
    if (!page.out) {
        return NULL;
    }
    locale_t before = c_locale_enter();
    bool is_whole = page_collect_groups(&page) == 0;
    put_head(&page, is_still);
    page_put_wrong(&page);
    put_tiles(&page);
    page_put_plots(&page);
    page_put_reloads(&page);
    page_put_groups(&page);
    put_others(&page);
    fputs("<p class=\"soft small\"><a href=\"?json\">JSON</a> · "
          "<a href=\"?openmetrics\">OpenMetrics</a></p></body></html>\n",
          page.out);
    page_free_groups(&page);
    c_locale_leave(before);
    if (fclose(page.out) || !is_whole) {
        free(text);
        return NULL;
    }
    return text;
}
