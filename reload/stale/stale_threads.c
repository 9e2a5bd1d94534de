#include <stdbool.h>
#include <stdio.h>

#include "reload/objects/gilstate.h"
#include "reload/objects/object_text.h"
#include "reload/stale/stale_words.h"

static int report_call(struct stale_view *view, struct stale_report *report,
                       const struct gilstate_caller *caller) {
    struct image *image = image_list_find(view->images, caller->address);
    if (!image || !image_is_checked(image)) {
        return 0;
    }
    char text[OBJECT_TEXT_BYTES];
    snprintf(text, sizeof text, "%lu call%s from threads of its own%s", caller->calls,
             caller->calls == 1 ? "" : "s", caller->to_main ? ", run in the main interpreter" : "");
    struct stale_what what = {.hazard = HAZARD_GILSTATE,
                              .verdict = VERDICT_CLEAN,
                              .holds_text = text,
                              .owner = "",
                              .function = "PyGILState_Ensure()"};
    struct scan_hit hit = {.image = image, .location = caller->address};
    return stale_report_add(report, &view->extensions, view->images, &hit, &what);
}

struct living {
    struct stale_view *view;
    struct stale_report *report;
    bool out_of_memory;
};

/**
 * A thread that was started in the old generation, lives, and calls Python back.  It does so in
 * that generation for as long as it lives, even with functions of another one.
 */
static void report_thread(const struct gilstate_thread *thread, void *arg) {
    struct living *living = arg;
    if (thread->interpreter != living->view->old || !thread->calls) {
        return;
    }
    struct image *image = image_list_find(living->view->images, thread->caller);
    if (!image || !image_is_checked(image)) {
        return;
    }
    struct stale_what what = {.hazard = HAZARD_GILSTATE,
                              .verdict = VERDICT_STALE,
                              .holds_text = "a living thread, whose calls reach",
                              .owner = living->view->is_first ? "this generation"
                                                              : "the generation before",
                              .function = "PyGILState_Ensure()"};
    struct scan_hit hit = {.image = image, .location = thread->caller};
    if (stale_report_add(living->report, &living->view->extensions, living->view->images, &hit,
                         &what) != 0) {
        living->out_of_memory = true;
    }
}

int stale_threads_report(struct stale_view *view, struct stale_report *report, struct error *err) {
    struct gilstate_caller callers[GILSTATE_CALLERS_MAX];
    size_t count = gilstate_callers(callers);
    for (size_t i = 0; i < count; i++) {
        if (report_call(view, report, &callers[i]) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    struct living living = {view, report, false};
    gilstate_each_thread(report_thread, &living);
    return living.out_of_memory ? error_set(err, ERR_MEMORY, "out of memory reporting") : 0;
}
