#include <string.h>

#include "fcgi_host/status/page_internal.h"

enum {
    MAX_NAMES = 8,    /* of one item */
    MAX_REASONS = 50, /* why applications serve their old code; further ones are in their rows */
};

/* Why applications serve their old code: one replacement may be the reason for many. */
struct reason {
    const char *cause, *why;
    size_t count, ids[MAX_NAMES];
    const char *names[MAX_NAMES];
};

/* Each finding is an item of a list; the first one begins the list. */
struct wrong {
    FILE *out;
    size_t count;
    struct reason reasons[MAX_REASONS];
    size_t reason_count;
};

static void begin_item(struct wrong *wrong) {
    if (wrong->count++ == 0) {
        fputs("<section class=\"wrong\"><h2>To look at</h2><ul>\n", wrong->out);
    }
    fputs("<li>", wrong->out);
}

static void put_link(FILE *out, size_t id, const char *name) {
    fprintf(out, "<a href=\"#app%zu\">", id);
    page_put_text(out, name);
    fputs("</a>", out);
}

static void add_kept(struct wrong *wrong, const struct status_application *application, size_t id) {
    const char *cause = json_get_string(application->kept, "cause");
    const char *why = json_get_string(application->kept, "why");
    struct reason *reason = wrong->reasons, *end = reason + wrong->reason_count;
    while (reason < end && (strcmp(reason->cause, cause) != 0 || strcmp(reason->why, why) != 0)) {
        reason++;
    }
    if (reason == end && wrong->reason_count == MAX_REASONS) {
        return;
    }
    if (reason == end) {
        *reason = (struct reason){.cause = cause, .why = why};
        wrong->reason_count++;
    }
    if (reason->count < MAX_NAMES) {
        reason->ids[reason->count] = id;
        reason->names[reason->count] = application->name;
    }
    reason->count++;
}

static void put_reason(struct wrong *wrong, const struct reason *reason) {
    FILE *out = wrong->out;
    begin_item(wrong);
    for (size_t i = 0; i < reason->count && i < MAX_NAMES; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_link(out, reason->ids[i], reason->names[i]);
    }
    if (reason->count > MAX_NAMES) {
        fprintf(out, " and %zu more", reason->count - MAX_NAMES);
    }
    fputs(reason->count == 1 ? " serves its old code" : " serve their old code", out);
    if (*reason->why) {
        fputs(": <b>", out);
        page_put_text(out, reason->why);
        fputs("</b>", out);
    }
    fputs(" <span class=\"soft\">(", out);
    page_put_text(out, reason->cause);
    fputs(")</span></li>\n", out);
}

static void put_failed(struct wrong *wrong, const struct status_application *application,
                       size_t id) {
    FILE *out = wrong->out;
    begin_item(wrong);
    put_link(out, id, application->name);
    if (application->failed < application->workers) {
        fprintf(out, " does not serve in %u of %u workers: <b>", application->failed,
                application->workers);
    } else {
        fputs(" does not serve: <b>", out);
    }
    page_put_last_line(out, json_get_string(application->shown, "error"));
    fputs("</b></li>\n", out);
}

static void put_application(struct wrong *wrong, const struct status_application *application,
                            size_t id) {
    if (application->failed > 0) {
        put_failed(wrong, application, id);
    } else if (application->kept) {
        add_kept(wrong, application, id);
    }
    if (application->found) {
        begin_item(wrong);
        put_link(wrong->out, id, application->name);
        fputs(" has extension modules that were not clean after its last reload: ", wrong->out);
        page_put_word(wrong->out, json_get_string(application->found, "verdict"));
        fputs("</li>\n", wrong->out);
    }
}

static void put_workers(struct wrong *wrong, const json_t *status) {
    size_t i;
    const json_t *worker;
    json_array_foreach(json_object_get(status, "workers"), i, worker) {
        if (strcmp(json_get_string(worker, "state"), "stuck") == 0) {
            begin_item(wrong);
            fprintf(wrong->out, "Worker %.0f of process ", json_get_number(worker, "pid"));
            page_put_string(wrong->out, worker, "process");
            fputs(" does not answer</li>\n", wrong->out);
        }
    }
}

static void put_tasks(struct wrong *wrong, const json_t *status) {
    size_t i;
    const json_t *task;
    json_array_foreach(json_object_get(status, "tasks"), i, task) {
        if (strcmp(json_get_string(task, "outcome"), "failed") == 0) {
            begin_item(wrong);
            fputs("Task ", wrong->out);
            page_put_string(wrong->out, task, "name");
            fputs(" failed: <b>", wrong->out);
            page_put_last_line(wrong->out, json_get_string(task, "why"));
            fputs("</b></li>\n", wrong->out);
        }
    }
}

/** Whether all is well, as far as the document tells. */
static void put_nothing(const struct page *page) {
    size_t loading = 0, serving = 0;
    size_t asleep = json_array_size(json_object_get(page->status, "asleep"));
    for (size_t i = 0; i < page->count; i++) {
        const struct status_applications *applications = &page->groups[i].applications;
        for (size_t j = 0; j < applications->count; j++) {
            bool is_serving = strcmp(applications->items[j].state, "serving") == 0;
            serving += is_serving;
            loading += !is_serving;
        }
    }
    fputs("<p class=\"right\">", page->out);
    if (!json_is_array(json_object_get(page->status, "workers"))) {
        fputs("<span class=\"bad\">The status could not be made.</span>", page->out);
    } else if (loading > 0) {
        page_put_count(page->out, (double)loading, "application");
        fputs(loading == 1 ? " is being loaded or replaced" : " are being loaded or replaced",
              page->out);
    } else {
        fputs("<span class=\"good\">Nothing is wrong:</span> ", page->out);
        page_put_count(page->out, (double)serving, "application");
        fputs(serving == 1 ? " serves" : " serve", page->out);
    }
    if (asleep > 0) {
        fputs(", ", page->out);
        page_put_count(page->out, (double)asleep, "process group");
        fputs(asleep == 1 ? " is asleep" : " are asleep", page->out);
    }
    fputs("</p>\n", page->out);
}

void page_put_wrong(const struct page *page) {
    struct wrong wrong = {.out = page->out};
    for (size_t i = 0; i < page->count; i++) {
        const struct page_group *group = &page->groups[i];
        for (size_t j = 0; j < group->applications.count; j++) {
            put_application(&wrong, &group->applications.items[j], group->first_id + j);
        }
    }
    for (size_t i = 0; i < wrong.reason_count; i++) {
        put_reason(&wrong, &wrong.reasons[i]);
    }
    put_workers(&wrong, page->status);
    put_tasks(&wrong, page->status);
    if (wrong.count > 0) {
        fputs("</ul></section>\n", page->out);
    } else {
        put_nothing(page);
    }
}
