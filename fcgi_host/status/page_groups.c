/* Process groups, each with a table of its applications, and its workers. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/page_internal.h"

/** Applications of a process group that get a row: those that people look through, and a page that
 *  the intake thread can make beside its work. */
enum { MAX_ROWS = 500 };

/* ---- What there is ---- */

static int add_group(struct page *page, const char *name, const json_t *process) {
    struct page_group *groups = realloc(page->groups, (page->count + 1) * sizeof *groups);
    if (!groups) {
        return -1;
    }
    page->groups = groups;
    struct page_group *group = &groups[page->count];
    *group = (struct page_group){.name = name, .process = process};
    if (status_applications_collect(page->status, name, &group->applications)) {
        return -1;
    }
    page->count++;
    for (size_t i = 0; i < group->applications.count; i++) {
        group->is_wrong |= group->applications.items[i].wrong > 0;
    }
    return 0;
}

static bool has_group(const struct page *page, const char *name) {
    for (size_t i = 0; i < page->count; i++) {
        if (strcmp(page->groups[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/** What is wrong comes first; else the order stays. */
static int compare_groups(const void *a, const void *b) {
    const struct page_group *one = a, *other = b;
    return one->is_wrong != other->is_wrong  ? one->is_wrong ? -1 : 1
           : one->first_id < other->first_id ? -1
                                             : one->first_id > other->first_id;
}

static int compare_applications(const void *a, const void *b) {
    const struct status_application *one = a, *other = b;
    return !one->wrong != !other->wrong ? (one->wrong ? -1 : 1)
           : one->place < other->place  ? -1
                                        : one->place > other->place;
}

static void sort_applications(struct status_applications *applications) {
    if (applications->count > 0) {
        qsort(applications->items, applications->count, sizeof *applications->items,
              compare_applications);
    }
}

int page_collect_groups(struct page *page) {
    size_t i, id = 0;
    const json_t *each;
    json_array_foreach(json_object_get(page->status, "processes"), i, each) {
        if (add_group(page, json_get_string(each, "process"), each)) {
            return -1;
        }
    }
    json_array_foreach(json_object_get(page->status, "workers"), i, each) {
        const char *name = json_get_string(each, "process");
        if (!has_group(page, name) && add_group(page, name, NULL)) {
            return -1; /* it has gone since its worker answered */
        }
    }
    for (size_t group = 0; group < page->count; group++) {
        page->groups[group].first_id = group;
    }
    if (page->count > 0) {
        qsort(page->groups, page->count, sizeof *page->groups, compare_groups);
    }
    for (size_t group = 0; group < page->count; group++) {
        sort_applications(&page->groups[group].applications);
        page->groups[group].first_id = id;
        id += page->groups[group].applications.count;
    }
    return 0;
}

void page_free_groups(struct page *page) {
    for (size_t i = 0; i < page->count; i++) {
        status_applications_free(&page->groups[i].applications);
    }
    free(page->groups);
}

/* ---- An application ---- */

static void put_error(FILE *out, const json_t *app) {
    const char *error = json_get_string(app, "error");
    if (*error) {
        fputs("<details class=\"small bad\"><summary>", out);
        page_put_last_line(out, error);
        fputs("</summary><pre>", out);
        page_put_text(out, error);
        fputs("</pre></details>", out);
    }
}

static void put_placement(FILE *out, const json_t *app) {
    const json_t *placement = json_object_get(app, "placement");
    const char *why = json_get_string(placement, "why");
    bool has_own_gil = strcmp(json_get_string(app, "gil"), "own") == 0;
    fputs("<br><span class=\"soft small path\">interpreter ", out);
    page_put_string(out, app, "interpreter");
    fputs(has_own_gil ? ", own GIL" : "", out);
    if (*why) {
        const char *since = json_get_string(placement, "since");
        fputs(*since ? ", here since " : "", out);
        page_put_text(out, since);
        fputs(": ", out);
        page_put_text(out, why);
    }
    fputs("</span>", out);
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

/** Those that the check has found something in are seen at once. */
static void put_extensions(FILE *out, const json_t *app) {
    size_t i, clean = 0;
    const json_t *each, *extensions = json_object_get(app, "extensions");
    json_array_foreach(extensions, i, each) {
        const char *verdict = json_get_string(each, "verdict");
        if (strcmp(verdict, "clean") == 0) {
            clean++;
            continue;
        }
        fputs("<br><span class=\"small\">", out);
        page_put_string(out, each, "module");
        fputs(" ", out);
        page_put_word(out, verdict);
        fputs(" <span class=\"soft\">(", out);
        page_put_count(out, json_get_number(each, "findings"), "finding");
        fputs(")</span></span>", out);
    }
    if (clean > 0) {
        fputs("<details class=\"small\"><summary>", out);
        page_put_count(out, (double)clean, "extension module");
        fputs(" <span class=\"good\">clean</span></summary>", out);
        json_array_foreach(extensions, i, each) {
            if (strcmp(json_get_string(each, "verdict"), "clean") == 0) {
                page_put_string(out, each, "module");
                fputs("<br>", out);
            }
        }
        fputs("</details>", out);
    }
}

/** What a reload costs, and, where it is the whole process, why. */
static void put_strategy(FILE *out, const json_t *reload) {
    const char *strategy = json_get_string(reload, "strategy");
    bool is_worker = strcmp(strategy, "worker") == 0;
    fputs("<span title=\"", out);
    page_put_string(out, reload, "why");
    fputs("\">", out);
    if (strcmp(strategy, "interpreter") == 0) {
        fputs("by a new interpreter", out);
    } else if (is_worker) {
        fputs("by a new worker", out);
    } else {
        page_put_text(out, strategy);
    }
    fputs("</span>", out);
    if (is_worker) {
        fputs(" <span class=\"soft path\">(", out);
        page_put_string(out, reload, "why");
        fputs(")</span>", out);
    }
}

/** @param last  the one to show, of any worker */
static void put_reload(FILE *out, const json_t *reload, const json_t *last) {
    fputs("<td class=\"reload small\">", out);
    put_strategy(out, reload);
    if (json_is_object(last)) {
        fputs("<br>", out);
        page_put_outcome(out, last);
        page_put_why(out, last);
        fputs("<br><span class=\"soft path\">", out);
        page_put_string(out, last, "cause");
        fputs("<br>", out);
        page_put_string(out, last, "at");
        fputs("</span>", out);
    }
    fputs("</td>", out);
}

static void put_application(FILE *out, const struct status_application *application, size_t id) {
    const struct status_field *field;
    const json_t *app = application->shown;
    const char *revision = json_get_string(app, "revision");
    fprintf(out, "<tr id=\"app%zu\"><td class=\"app\"><b>", id);
    page_put_text(out, application->name);
    fputs("</b> ", out);
    page_put_word(out, application->state);
    if (*revision) {
        fputs(" <span class=\"soft small\">", out);
        page_put_text(out, revision);
        fputs("</span>", out);
    }
    fputs("<br><span class=\"soft small path\">", out);
    page_put_string(out, app, "file");
    fputs("</span>", out);
    put_error(out, app);
    put_placement(out, app);
    put_preload(out, json_object_get(app, "preload"));
    put_extensions(out, app);
    fputs("</td>", out);
    put_reload(out, json_object_get(app, "reload"), application->last);
    for (unsigned i = 1; (field = status_column(i)); i++) {
        fprintf(out, "<td class=\"n\" data-l=\"%s\">%.*f</td>", field->title,
                status_field_digits(field), status_application_number(application, field));
    }
    fputs("</tr>\n", out);
}

static void put_table(const struct page *page, const struct page_group *group) {
    const struct status_field *field;
    FILE *out = page->out;
    fputs("<div class=\"card\"><table><thead><tr><th>Application</th><th>Reload</th>", out);
    for (unsigned i = 1; (field = status_column(i)); i++) {
        fputs("<th class=\"n\"", out);
        if (field->hint) {
            fprintf(out, " title=\"%s\"", field->hint);
        }
        fprintf(out, ">%s</th>", field->title);
    }
    fputs("</tr></thead><tbody>\n", out);
    size_t count = group->applications.count;
    for (size_t i = 0; i < count && i < MAX_ROWS; i++) {
        put_application(out, &group->applications.items[i], group->first_id + i);
    }
    fputs("</tbody></table></div>\n", out);
    if (count > MAX_ROWS) {
        fprintf(out, "<p class=\"soft\">and %zu more, which the JSON tells of</p>\n",
                count - MAX_ROWS);
    }
}

/* ---- Workers ---- */

static void put_running(FILE *out, const json_t *running) {
    size_t i;
    const json_t *each;
    if (json_array_size(running) == 0) {
        return;
    }
    fputs("<details class=\"small\"><summary>", out);
    page_put_count(out, (double)json_array_size(running), "request");
    fputs(" running now</summary><pre>", out);
    json_array_foreach(running, i, each) {
        fprintf(out, "%9.0f ms  ", json_get_number(each, "ms"));
        page_put_string(out, each, "app");
        fputs("  ", out);
        page_put_string(out, each, "doing");
        fputs("  ", out);
        page_put_string(out, each, "request_id");
        fputs("\n", out);
    }
    fputs("</pre></details>", out);
}

static void put_worker(FILE *out, const json_t *worker) {
    const json_t *connections = json_object_get(worker, "connections");
    double zombies = json_get_number(worker, "zombies");
    fprintf(out, "<li>Worker %.0f ", json_get_number(worker, "pid"));
    page_put_word(out, json_get_string(worker, "state"));
    fputs(" <span class=\"soft\">", out);
    page_put_count(out, json_get_number(worker, "requests"), "request");
    fprintf(out, " · %.0f MB · ", json_get_number(worker, "rss_bytes") / (1 << 20));
    page_put_count(out, json_get_number(connections, "open"), "connection");
    fprintf(out, ", %.0f idle</span>", json_get_number(connections, "idle"));
    if (zombies > 0) {
        fputs(" · <span class=\"busy\">", out);
        page_put_count(out, zombies, "interpreter");
        fputs(" could not be ended</span>", out);
    }
    put_running(out, json_object_get(worker, "running"));
    fputs("</li>\n", out);
}

static void put_group(const struct page *page, const struct page_group *group) {
    size_t i;
    const json_t *worker;
    FILE *out = page->out;
    fputs("<section><h2>Process ", out);
    page_put_text(out, group->name);
    fputs(" <span class=\"soft small\">", out);
    page_put_count(out, json_get_number(group->process, "workers"), "worker");
    fprintf(out, " · %.0f MB</span></h2>\n",
            json_get_number(group->process, "rss_bytes") / (1 << 20));
    if (group->applications.count > 0) {
        put_table(page, group);
    }
    fputs("<ul class=\"workers small\">\n", out);
    json_array_foreach(json_object_get(page->status, "workers"), i, worker) {
        if (strcmp(json_get_string(worker, "process"), group->name) == 0) {
            put_worker(out, worker);
        }
    }
    fputs("</ul></section>\n", out);
}

static bool is_asleep(const struct page *page, const char *name) {
    size_t i;
    const json_t *each;
    json_array_foreach(json_object_get(page->status, "asleep"), i, each) {
        if (strcmp(json_get_string(each, "process"), name) == 0) {
            return true;
        }
    }
    return false;
}

void page_put_groups(const struct page *page) {
    for (size_t i = 0; i < page->count; i++) {
        const struct page_group *group = &page->groups[i];
        if (group->applications.count > 0 || !is_asleep(page, group->name)) {
            put_group(page, group);
        }
    }
}
