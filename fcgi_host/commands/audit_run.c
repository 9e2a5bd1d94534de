#include "fcgi_host/commands/audit_run.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_process.h"
#include "fcgi_host/commands/audit_rehearsal.h"
#include "fcgi_host/config/load.h"
#include "fcgi_host/supervisor/placement_learn.h"
#include "pool/python/runtime.h"

/** Each way runs in a process of its own. */
static int run_ways(struct audit_result *result, const struct audit_target *target,
                    unsigned timeout_s, struct error *err) {
    static const enum audit_way s_always[] = {AUDIT_SEQUENTIAL, AUDIT_OVERLAPPING, AUDIT_MAIN};
    if (runtime_why_not_checked()) {
        return error_set(err, ERR_FAILED, "%s", runtime_why_not_checked());
    }
    for (size_t i = 0; i < sizeof s_always / sizeof *s_always; i++) {
        if (audit_process_run(result, target, s_always[i], timeout_s, err) != 0) {
            return -1;
        }
    }
    if (audit_result_judge(result, err) != 0) {
        return -1;
    }
    if (FCGI_HOST_PYTHON_HAS_OWN_GIL && !audit_result_belongs_in_main(result) &&
        audit_process_run(result, target, AUDIT_OWN_GIL, timeout_s, err) != 0) {
        return -1;
    }
    if (target->requests->count > 0 && !audit_result_belongs_in_main(result) &&
        audit_rehearsal_run(result, target, timeout_s, err) != 0) {
        return -1;
    }
    audit_result_place(result);
    return 0;
}

/* ---- The application ---- */

/** The configuration of a WSGI file, as if it were the only application. */
static int load_config(char *file, struct config **ret_config, struct error *err) {
    char program[] = "fcgi_host", as_whoever[] = "--allow-root";
    char *argv[] = {program, as_whoever, file, NULL};
    struct command_line line;
    if (config_load(3, argv, &line, ret_config, err) != 0) {
        return -1;
    }
    if (line.command != COMMAND_RUN || (*ret_config)->app_count != 1) {
        return error_set(err, ERR_USAGE, "%s: not a WSGI file", file);
    }
    return 0;
}

static bool is_same_file(const char *path, const char *other) {
    char *one = realpath(path, NULL), *two = realpath(other, NULL);
    bool is_same = one && two && strcmp(one, two) == 0;
    free(one);
    free(two);
    return is_same;
}

/** @return the configured application of this name or file; NULL: there is none */
static const struct app_config *find_application(const struct config *site, const char *text) {
    const struct app_config *app = config_find_app(site, text);
    for (size_t i = 0; !app && i < site->app_count; i++) {
        app = is_same_file(site->apps[i].file, text) ? &site->apps[i] : NULL;
    }
    return app;
}

/* ---- Learning ---- */

bool audit_run_is_main(const struct audit_result *result) {
    return result->placement && strcmp(result->placement, CONFIG_MAIN_INTERPRETER) == 0;
}

struct learnt audit_run_lesson(const struct audit_result *result, const struct app_config *app) {
    const struct audit_extension *worst = audit_result_worst(result);
    bool has_file = worst && worst->file[0] == '/';
    struct learnt lesson = {
        .verdict = has_file ? stale_verdict_name(worst->verdict) : PLACEMENT_MEMORY_CRASHES,
        .file = has_file ? worst->file : app->file,
        .why = result->why,
        .is_at_load = !audit_rehearsal_has_failed(result, NULL),
    };
    if (has_file && worst->verdict == VERDICT_CRASHES) { /* that of an extension is no guess */
        lesson.verdict = stale_verdict_name(VERDICT_BREAKS);
    }
    return lesson;
}

int audit_run_application(struct audit_result *result, const struct app_config *app,
                          const struct string_list *requests, unsigned timeout_s,
                          struct error *err) {
    const struct audit_target target = {.app = app, .requests = requests};
    return run_ways(result, &target, timeout_s, err);
}

static int audit_application(struct audit_result *result, const struct audit_order *order,
                             const struct config *site, const struct app_config *app,
                             struct error *err) {
    if (audit_run_application(result, app, order->requests, order->timeout_s, err) != 0) {
        return -1;
    }
    bool is_news =
        audit_run_is_main(result) && strcmp(app->interpreter, CONFIG_MAIN_INTERPRETER) != 0;
    if (!order->learns || !is_news) {
        return 0;
    }
    const struct learnt lesson = audit_run_lesson(result, app);
    return placement_learn(site, app, &lesson, runtime_python_version(), &result->learnt_in, err);
}

int audit_run_target(struct audit_result *result, const struct audit_order *order,
                     struct error *err) {
    if (order->module) {
        const struct audit_target target = {.module = order->module, .requests = order->requests};
        return run_ways(result, &target, order->timeout_s, err);
    }
    const struct app_config *app = order->site ? find_application(order->site, order->file) : NULL;
    if (app) {
        return audit_application(result, order, order->site, app, err);
    }
    if (order->site && order->learns) {
        return error_set(err, ERR_USAGE, "no application of the configuration");
    }
    struct config *own = NULL;
    int failed = load_config(order->file, &own, err);
    if (!failed) {
        failed = audit_application(result, order, own, own->apps, err);
    }
    config_free(own);
    return failed;
}
