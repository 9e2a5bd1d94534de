#include <string.h>

#include "fcgi_host/status/page_internal.h"

/* Each finding is an item of a list; the first one begins the list. */
struct wrong {
    FILE *out;
    const json_t *replacement; /* the last one */
    size_t count;
    size_t kept; /* applications whose old code serves on because of it */
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
    fputs("</a> ", out);
}

static void put_kept(FILE *out, const json_t *last) {
    const char *why = json_get_string(last, "why");
    fputs("serves its old code: the new code did not load", out);
    if (*why) {
        fputs(": <b>", out);
        page_put_text(out, why);
        fputs("</b>", out);
    }
    fputs(" <span class=\"soft\">(", out);
    page_put_string(out, last, "cause");
    fputs(")</span>", out);
}

/** Whether it is the last replacement of workers that has left its old code, as that of others. */
static bool is_kept_with_others(const struct wrong *wrong, const json_t *last) {
    return strcmp(json_get_string(wrong->replacement, "outcome"), "kept") == 0 &&
           strcmp(json_get_string(wrong->replacement, "cause"), json_get_string(last, "cause")) ==
               0;
}

static void put_application(struct wrong *wrong, const struct status_application *application,
                            size_t id) {
    FILE *out = wrong->out;
    const json_t *last = json_object_get(json_object_get(application->shown, "reload"), "last");
    bool has_failed = strcmp(application->state, "failed") == 0;
    bool is_kept = strcmp(application->outcome, "kept") == 0;
    if (has_failed) {
        begin_item(wrong);
        put_link(out, id, application->name);
        fputs("does not serve: <b>", out);
        page_put_last_line(out, json_get_string(application->shown, "error"));
        fputs("</b></li>\n", out);
    } else if (is_kept && is_kept_with_others(wrong, last)) {
        wrong->kept++;
    } else if (is_kept) {
        begin_item(wrong);
        put_link(out, id, application->name);
        put_kept(out, last);
        fputs("</li>\n", out);
    }
    if (status_is_wrong_reload("", application->verdict)) {
        begin_item(wrong);
        put_link(out, id, application->name);
        fputs("has extension modules that were not clean after its last reload: ", out);
        page_put_word(out, application->verdict);
        fputs("</li>\n", out);
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

static void put_replacement(struct wrong *wrong) {
    if (wrong->kept > 0) {
        begin_item(wrong);
        page_put_count(wrong->out, (double)wrong->kept, "application");
        fputs(wrong->kept == 1 ? " serves its old code: <b>" : " serve their old code: <b>",
              wrong->out);
        page_put_string(wrong->out, wrong->replacement, "why");
        fputs("</b> <span class=\"soft\">(", wrong->out);
        page_put_string(wrong->out, wrong->replacement, "cause");
        fputs(")</span></li>\n", wrong->out);
    }
}

static void put_nothing(const struct page *page) {
    size_t loading = 0, serving = 0;
    for (size_t i = 0; i < page->count; i++) {
        const struct status_applications *applications = &page->groups[i].applications;
        for (size_t j = 0; j < applications->count; j++) {
            bool is_serving = strcmp(applications->items[j].state, "serving") == 0;
            serving += is_serving;
            loading += !is_serving;
        }
    }
    fputs("<p class=\"right\">", page->out);
    if (loading > 0) {
        page_put_count(page->out, (double)loading, "application");
        fputs(loading == 1 ? " is being loaded or replaced" : " are being loaded or replaced",
              page->out);
    } else {
        fputs("<span class=\"good\">Nothing is wrong:</span> ", page->out);
        page_put_count(page->out, (double)serving, "application");
        fputs(serving == 1 ? " serves" : " serve", page->out);
    }
    fputs("</p>\n", page->out);
}

void page_put_wrong(const struct page *page) {
    struct wrong wrong = {
        .out = page->out,
        .replacement = json_object_get(page->status, "last_replacement"),
    };
    for (size_t i = 0; i < page->count; i++) {
        const struct page_group *group = &page->groups[i];
        for (size_t j = 0; j < group->applications.count; j++) {
            put_application(&wrong, &group->applications.items[j], group->first_id + j);
        }
    }
    put_workers(&wrong, page->status);
    put_replacement(&wrong);
    put_tasks(&wrong, page->status);
    if (wrong.count > 0) {
        fputs("</ul></section>\n", page->out);
    } else {
        put_nothing(page);
    }
}
