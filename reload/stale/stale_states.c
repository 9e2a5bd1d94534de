#include "reload/stale/stale_words.h"

struct stale_what stale_states_what(void) {
    return (struct stale_what){.hazard = HAZARD_BORROWED,
                               .verdict = VERDICT_DANGLING,
                               .is_borrowed = true,
                               .holds_text = "the state of an interpreter or thread",
                               .owner = "this generation"};
}

struct stale_what stale_cut_what(void) {
    return (struct stale_what){.hazard = HAZARD_IDENTITY,
                               .verdict = VERDICT_UNKNOWN,
                               .holds_text = "more memory than is looked at",
                               .owner = "unknown generations"};
}

static int report_each(struct stale_view *view, struct stale_report *report,
                       const struct scan_hit *hits, size_t count, const struct stale_what *what) {
    for (size_t i = 0; i < count; i++) {
        if (stale_report_add(report, &view->extensions, view->images, &hits[i], what) != 0) {
            return -1;
        }
    }
    return 0;
}

int stale_states_report(struct stale_view *view, struct stale_report *report, struct error *err) {
    struct stale_what state = stale_states_what(), cut = stale_cut_what();
    if (!view->is_first) {
        state.owner = "the generation before";
    }
    if (report_each(view, report, view->scan.states, view->scan.state_count, &state) != 0 ||
        report_each(view, report, view->scan.cut, view->scan.cut_count, &cut) != 0) {
        return error_set(err, ERR_MEMORY, "out of memory reporting");
    }
    return 0;
}
