/* The judgement of an audit: from what happened in each process to verdicts (audit_result.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_result.h"
#include "pool/python/runtime.h"

static bool has_failed(const struct audit_run *run) {
    return run->was_run && (run->has_crashed || run->failed_at[0] || !run->is_done);
}

/** @return the extension to blame for the end of a process: the one that was being imported, else
 *  the one with the worst verdict so far */
static struct audit_extension *culprit(struct audit_result *result, const struct audit_run *run,
                                       struct error *err) {
    struct audit_extension *worst = NULL;
    if (strncmp(run->step, "load", 4) == 0 && run->importing[0]) {
        return audit_result_extension(result, run->importing, run->importing_file, err);
    }
    for (size_t i = 0; i < result->extension_count; i++) {
        struct audit_extension *extension = &result->extensions[i];
        if (extension->verdict != VERDICT_CLEAN &&
            (!worst || extension->verdict > worst->verdict)) {
            worst = extension;
        }
    }
    return worst;
}

static int blame_extension(struct audit_extension *extension, enum stale_verdict verdict,
                           const char *error, struct error *err) {
    /* A pointer that is known to dangle is the cause, and says more. */
    if (verdict > extension->verdict && extension->verdict != VERDICT_DANGLING) {
        extension->verdict = verdict;
    }
    if (!extension->error && !(extension->error = strdup(error))) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    return 0;
}

/** A crash, or an exception that the main interpreter does not raise, is caused by an extension. */
static int judge_run(struct audit_result *result, const struct audit_run *run, bool loads_in_main,
                     struct error *err) {
    if (!has_failed(run) || (!run->has_crashed && !loads_in_main)) {
        return 0;
    }
    struct audit_extension *extension = culprit(result, run, err);
    if (!extension || (!run->has_crashed && extension->verdict == VERDICT_REFUSES)) {
        return 0;
    }
    return blame_extension(extension, run->has_crashed ? VERDICT_CRASHES : VERDICT_BREAKS,
                           run->error, err);
}

/** It pointed into the first interpreter, and no longer did when the second was there. */
static void note_reinitialised(struct audit_result *result) {
    for (size_t i = 0; i < result->extension_count; i++) {
        struct audit_extension *extension = &result->extensions[i];
        if (extension->was_stale_at_first && extension->was_loaded_twice &&
            extension->verdict == VERDICT_CLEAN) {
            extension->verdict = VERDICT_REINITIALISED;
        }
    }
}

static const struct audit_extension *worst_of(const struct audit_result *result) {
    const struct audit_extension *worst = NULL;
    for (size_t i = 0; i < result->extension_count; i++) {
        if (!worst || result->extensions[i].verdict > worst->verdict) {
            worst = &result->extensions[i];
        }
    }
    return worst;
}

static const struct stale_finding *finding_of(const struct audit_result *result,
                                              const struct audit_extension *extension) {
    const struct stale_finding *any = NULL;
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct stale_finding *finding = &result->findings[i];
        if (finding->is_note || strcmp(finding->module, extension->module) != 0) {
            continue;
        }
        if (finding->verdict == extension->verdict) {
            return finding;
        }
        any = any ? any : finding;
    }
    return any;
}

static void explain_worst(struct audit_result *result, const struct audit_extension *worst) {
    const struct audit_run *sequential = &result->runs[AUDIT_SEQUENTIAL];
    const struct stale_finding *finding = worst ? finding_of(result, worst) : NULL;
    if (!result->placement) {
        snprintf(result->why, sizeof result->why, "it does not load: %s", sequential->error);
    } else if (worst && worst->verdict != VERDICT_CLEAN && worst->error) {
        snprintf(result->why, sizeof result->why, "%s %s: %s", worst->module,
                 stale_verdict_name(worst->verdict), worst->error);
    } else if (worst && worst->verdict != VERDICT_CLEAN && finding) {
        snprintf(result->why, sizeof result->why, "%s is %s: %s holds %s of %s", worst->module,
                 stale_verdict_name(worst->verdict), finding->symbol, finding->holds,
                 finding->owner);
    } else if (worst && worst->verdict != VERDICT_CLEAN) {
        snprintf(result->why, sizeof result->why, "%s is %s", worst->module,
                 stale_verdict_name(worst->verdict));
    } else if (!result->is_recyclable && has_failed(sequential)) {
        snprintf(result->why, sizeof result->why, "loading it twice failed: %s", sequential->error);
    } else if (!result->is_recyclable) {
        snprintf(result->why, sizeof result->why,
                 "its first interpreter could not be ended: something in it did not stop");
    } else if (!runtime_can_end_interpreters()) {
        snprintf(result->why, sizeof result->why,
                 "this CPython (%s) leaves objects of ended interpreters linked",
                 runtime_python_version());
    } else {
        snprintf(result->why, sizeof result->why, "nothing speaks against it");
    }
}

int audit_result_judge(struct audit_result *result, struct error *err) {
    const struct audit_run *runs = result->runs;
    bool loads_in_main = runs[AUDIT_MAIN].was_run && !has_failed(&runs[AUDIT_MAIN]);
    for (int way = AUDIT_SEQUENTIAL; way <= AUDIT_OVERLAPPING; way++) {
        if (judge_run(result, &runs[way], loads_in_main, err) != 0) {
            return -1;
        }
    }
    note_reinitialised(result);
    const struct audit_extension *worst = worst_of(result);
    bool has_failed_in_sub =
        has_failed(&runs[AUDIT_SEQUENTIAL]) || has_failed(&runs[AUDIT_OVERLAPPING]);
    result->is_recyclable = !has_failed_in_sub && !runs[AUDIT_SEQUENTIAL].was_kept &&
                            !runs[AUDIT_OVERLAPPING].was_kept &&
                            (!worst || stale_verdict_is_recyclable(worst->verdict));
    bool belongs_in_main =
        has_failed_in_sub ||
        (worst && (worst->verdict == VERDICT_SHARED || worst->verdict >= VERDICT_REFUSES));
    if (belongs_in_main) {
        result->placement = loads_in_main ? "main" : NULL;
    } else if (runs[AUDIT_OWN_GIL].was_run && !has_failed(&runs[AUDIT_OWN_GIL])) {
        result->placement = "own-gil";
    } else {
        result->placement = "sub-interpreter";
    }
    explain_worst(result, worst);
    return 0;
}
