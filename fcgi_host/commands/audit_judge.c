/* The judgement of an audit: from what happened in each process to verdicts (audit_result.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_rehearsal.h"
#include "fcgi_host/commands/audit_result.h"
#include "pool/python/runtime.h"

static bool has_failed(const struct audit_run *run) {
    return run->was_run && (run->has_crashed || run->failed_at[0] || !run->is_done);
}

static bool has_loaded(const struct audit_run *run) {
    return run->was_run && !has_failed(run);
}

int audit_result_blame(struct audit_extension *extension, enum stale_verdict verdict,
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
    if (!run->has_crashed && run->has_refusal) {
        return 0; /* the extension that has raised has its verdict */
    }
    struct audit_extension *extension = audit_result_culprit(result, run, err);
    if (!extension) {
        return 0;
    }
    return audit_result_blame(extension, run->has_crashed ? VERDICT_CRASHES : VERDICT_BREAKS,
                              run->error, err);
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_text(const struct string_list *sorted, const char *text) {
    return bsearch(&text, sorted->items, sorted->count, sizeof *sorted->items, compare_texts);
}

/** @return whether a module of which attributes are listed is among them */
static bool has_module(const struct string_list *attributes, const char *module) {
    size_t length = strlen(module);
    for (size_t i = 0; i < attributes->count; i++) {
        if (strncmp(attributes->items[i], module, length) == 0 &&
            attributes->items[i][length] == ' ') {
            return true;
        }
    }
    return false;
}

/** What an extension has in the main interpreter and lacked in one of two sub-interpreters. */
static int find_missing(const struct audit_result *result, struct audit_extension *extension,
                        struct error *err) {
    const struct string_list *in_main = &result->runs[AUDIT_MAIN].attributes;
    size_t length = strlen(extension->module);
    for (size_t i = 0; i < in_main->count; i++) {
        const char *text = in_main->items[i];
        bool is_missing = false;
        if (strncmp(text, extension->module, length) != 0 || text[length] != ' ') {
            continue;
        }
        for (int way = AUDIT_SEQUENTIAL; way <= AUDIT_OVERLAPPING; way++) {
            const struct string_list *in_sub = &result->runs[way].attributes;
            is_missing |= has_module(in_sub, extension->module) && !has_text(in_sub, text);
        }
        if (is_missing && string_list_add(&extension->missing, strdup(text + length + 1)) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    return 0;
}

/** Compare what extensions offer in the main interpreter and in sub-interpreters. */
static int judge_attributes(struct audit_result *result, struct error *err) {
    for (int way = 0; way < AUDIT_WAYS; way++) {
        struct string_list *attributes = &result->runs[way].attributes;
        if (attributes->count > 0) {
            qsort(attributes->items, attributes->count, sizeof *attributes->items, compare_texts);
        }
    }
    for (size_t i = 0; i < result->extension_count; i++) {
        struct audit_extension *extension = &result->extensions[i];
        if (find_missing(result, extension, err) != 0) {
            return -1;
        }
        if (extension->missing.count > 0) {
            char error[512];
            snprintf(error, sizeof error, "it lacks %s, which it has in the main interpreter",
                     extension->missing.items[0]);
            if (audit_result_blame(extension, VERDICT_BREAKS, error, err) != 0) {
                return -1;
            }
        }
    }
    return 0;
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

struct audit_extension *audit_result_worst(const struct audit_result *result) {
    struct audit_extension *worst = NULL;
    for (size_t i = 0; i < result->extension_count; i++) {
        struct audit_extension *each = &result->extensions[i];
        if (!stale_verdict_is_recyclable(each->verdict) &&
            (!worst || each->verdict > worst->verdict)) {
            worst = each;
        }
    }
    return worst;
}

bool audit_result_belongs_in_main(const struct audit_result *result) {
    return has_failed(&result->runs[AUDIT_SEQUENTIAL]) ||
           has_failed(&result->runs[AUDIT_OVERLAPPING]) ||
           audit_rehearsal_has_failed(result, NULL) || audit_result_worst(result);
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

static void explain_verdict(struct audit_result *result, const struct audit_extension *extension) {
    const struct stale_finding *finding = finding_of(result, extension);
    const char *verdict = stale_verdict_name(extension->verdict);
    if (extension->error) {
        snprintf(result->why, sizeof result->why, "%s %s: %s", extension->module, verdict,
                 extension->error);
    } else if (finding) {
        snprintf(result->why, sizeof result->why, "%s is %s: %s holds %s of %s", extension->module,
                 verdict, finding->symbol, finding->holds, finding->owner);
    } else {
        snprintf(result->why, sizeof result->why, "%s is %s", extension->module, verdict);
    }
}

/** What a target whose extensions are all clean is not recycled for. */
static void explain_obstacle(struct audit_result *result) {
    const struct audit_run *runs = result->runs;
    const struct audit_run *failed =
        has_failed(&runs[AUDIT_SEQUENTIAL]) ? &runs[AUDIT_SEQUENTIAL] : &runs[AUDIT_OVERLAPPING];
    const struct stale_finding *finding =
        stale_findings_worst(result->findings, result->finding_count);
    enum audit_way way;
    if (audit_rehearsal_has_failed(result, &way)) {
        audit_rehearsal_explain(result, way, result->why, sizeof result->why);
    } else if (has_failed(failed)) {
        snprintf(result->why, sizeof result->why, "%s in a sub-interpreter, no extension seen: %s",
                 failed->has_crashed ? "it ends the process" : "it does not load", failed->error);
    } else if (finding) {
        snprintf(result->why, sizeof result->why, "%s holds %s of %s: %s", finding->symbol,
                 finding->holds, finding->owner, stale_verdict_name(finding->verdict));
    } else {
        snprintf(result->why, sizeof result->why,
                 "its first interpreter could not be ended: something in it did not stop");
    }
}

static void explain(struct audit_result *result) {
    const struct audit_extension *worst = audit_result_worst(result);
    if (!result->placement) {
        const struct audit_run *run = &result->runs[AUDIT_MAIN];
        snprintf(result->why, sizeof result->why, "it does not load: %s", run->error);
    } else if (worst) {
        explain_verdict(result, worst);
    } else if (!result->is_recyclable) {
        explain_obstacle(result);
    } else if (!runtime_can_end_interpreters()) {
        snprintf(result->why, sizeof result->why,
                 "this CPython (%s) leaves objects of ended interpreters linked",
                 runtime_python_version());
    } else {
        snprintf(result->why, sizeof result->why, "nothing speaks against it");
    }
}

/** Where serve has it: what it finds in the first load, or learns later, moves an application. */
static const char *choose_placement(const struct audit_run *runs, bool belongs_in_main) {
    if (belongs_in_main) {
        return has_loaded(&runs[AUDIT_MAIN]) ? "main" : NULL;
    }
    return has_loaded(&runs[AUDIT_OWN_GIL]) ? "own-gil" : "sub-interpreter";
}

int audit_result_judge(struct audit_result *result, struct error *err) {
    bool loads_in_main = has_loaded(&result->runs[AUDIT_MAIN]);
    for (int way = AUDIT_SEQUENTIAL; way <= AUDIT_OVERLAPPING; way++) {
        if (judge_run(result, &result->runs[way], loads_in_main, err) != 0) {
            return -1;
        }
    }
    note_reinitialised(result);
    return judge_attributes(result, err);
}

/** What was not seen to the end is not clean. It says nothing about where serve has the target. */
static void doubt_all(struct audit_result *result) {
    static const char error[] = "its interpreter could not be ended: what it would have kept then "
                                "was not seen";
    for (size_t i = 0; i < result->extension_count; i++) {
        struct audit_extension *extension = &result->extensions[i];
        if (extension->verdict == VERDICT_CLEAN) {
            extension->verdict = VERDICT_UNKNOWN;
            extension->error = extension->error ? extension->error : strdup(error);
        }
    }
}

void audit_result_place(struct audit_result *result) {
    const struct audit_run *runs = result->runs;
    bool belongs_in_main = audit_result_belongs_in_main(result);
    bool was_kept = runs[AUDIT_SEQUENTIAL].was_kept || runs[AUDIT_OVERLAPPING].was_kept;
    result->is_recyclable = !belongs_in_main && !was_kept &&
                            !stale_findings_worst(result->findings, result->finding_count);
    result->placement = choose_placement(runs, belongs_in_main);
    explain(result);
    if (was_kept && !audit_rehearsal_has_failed(result, NULL)) {
        doubt_all(result);
    }
}
