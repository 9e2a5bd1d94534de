#include "fcgi_host/commands/rehearse.h"

#include <stdio.h>

#include "fcgi_host/commands/audit_run.h"

/** For each of its processes, which wait for all others of this machine. */
enum { TIMEOUT_S = 120 };

/** @return whether a process was given up; on a busy machine that is no finding */
static bool was_too_slow(const struct audit_result *result) {
    for (int way = 0; way < AUDIT_WAYS; way++) {
        if (result->runs[way].has_timed_out) {
            return true;
        }
    }
    return false;
}

static enum rehearsal_outcome describe(const struct audit_result *result,
                                       const struct app_config *app,
                                       struct rehearsal_report *report) {
    if (was_too_slow(result)) {
        snprintf(report->why, sizeof report->why, "it hangs, or has not got %d s of a busy machine",
                 TIMEOUT_S);
        return REHEARSAL_FAILED;
    }
    snprintf(report->why, sizeof report->why, "%s", result->why);
    if (!result->placement) {
        return REHEARSAL_FAILED;
    }
    if (!audit_run_is_main(result)) {
        return REHEARSAL_SAME;
    }
    const struct learnt lesson = audit_run_lesson(result, app);
    channel_name_finding(lesson.verdict, lesson.file, report->finding, sizeof report->finding);
    return REHEARSAL_MAIN;
}

void rehearse_application(const struct app_config *app, struct rehearsal_report *ret_report) {
    char *pages[] = {app->check};
    const struct string_list requests = {.items = pages, .count = app->check ? 1 : 0};
    struct audit_result result = {.target = app->name};
    struct error err;
    *ret_report = (struct rehearsal_report){.outcome = REHEARSAL_FAILED};
    if (audit_run_application(&result, app, &requests, TIMEOUT_S, &err) != 0) {
        snprintf(ret_report->why, sizeof ret_report->why, "%s", err.text);
    } else {
        ret_report->outcome = describe(&result, app, ret_report);
    }
    audit_result_clear(&result);
}
