#include "fcgi_host/commands/audit_report.h"

#include <stdio.h>
#include <string.h>

#include "fcgi_host/commands/audit_rehearsal.h"
#include "pool/python/runtime.h"

static const char *reload_of(const struct audit_result *result) {
    bool is_interpreter = result->is_recyclable && runtime_can_end_interpreters();
    return is_interpreter ? "interpreter" : "worker";
}

static const char *second_interpreter(const struct audit_extension *extension) {
    return extension->verdict >= VERDICT_REFUSES ? stale_verdict_name(extension->verdict) : "ok";
}

static bool is_of(const struct stale_finding *finding, const struct audit_extension *extension) {
    return strcmp(finding->module, extension->module) == 0;
}

static void add_boolean(struct json_writer *writer, const char *key, bool value) {
    json_add_raw(writer, key, value ? "true" : "false", value ? 4 : 5);
}

static void add_texts(struct json_writer *writer, const char *key,
                      const struct string_list *texts) {
    json_begin_array(writer, key);
    for (size_t i = 0; i < texts->count; i++) {
        json_add_string(writer, NULL, texts->items[i]);
    }
    json_end_array(writer);
}

static void add_findings(struct json_writer *writer, const struct audit_result *result,
                         const struct audit_extension *extension, const char *key, bool are_notes) {
    json_begin_array(writer, key);
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct stale_finding *finding = &result->findings[i];
        char offset[32];
        if (!is_of(finding, extension) || finding->is_note != are_notes) {
            continue;
        }
        snprintf(offset, sizeof offset, "0x%llx", (unsigned long long)finding->offset);
        json_begin_object(writer, NULL);
        json_add_integer(writer, "hazard", (int)finding->hazard);
        json_add_string(writer, "symbol", finding->symbol);
        json_add_string(writer, "offset", offset);
        json_add_string(writer, "holds", finding->holds);
        json_add_string(writer, "ownership", finding->is_borrowed ? "borrowed" : "strong");
        json_add_string(writer, "owner", finding->owner);
        json_add_string(writer, "verdict", stale_verdict_name(finding->verdict));
        json_end_object(writer);
    }
    json_end_array(writer);
}

void audit_report_json(struct json_writer *writer, const struct audit_result *result) {
    json_begin_object(writer, NULL);
    json_add_string(writer, "target", result->target);
    json_add_string(writer, "placement", result->placement);
    json_add_string(writer, "reload", reload_of(result));
    json_add_string(writer, "why", result->why);
    json_add_string(writer, "learnt_in", result->learnt_in);
    json_add_integer(writer, "runs", (int)result->run_count);
    if (result->run_count > 1) {
        add_boolean(writer, "steady", !result->is_unsteady);
    } else {
        json_add_string(writer, "steady", NULL); /* nobody has looked */
    }
    json_begin_array(writer, "extensions");
    for (size_t i = 0; i < result->extension_count; i++) {
        const struct audit_extension *extension = &result->extensions[i];
        json_begin_object(writer, NULL);
        json_add_string(writer, "module", extension->module);
        json_add_string(writer, "file", extension->file);
        json_add_string(writer, "init", module_init_name(extension->init));
        json_add_string(writer, "export",
                        extension->knows_init ? module_init_export(extension->init) : NULL);
        add_boolean(writer, "uses_gilstate", extension->uses_gilstate);
        json_add_string(writer, "second_interpreter", second_interpreter(extension));
        json_add_string(writer, "error", extension->error);
        json_add_string(writer, "verdict", stale_verdict_name(extension->verdict));
        add_texts(writer, "missing", &extension->missing);
        add_findings(writer, result, extension, "findings", false);
        add_findings(writer, result, extension, "notes", true);
        json_end_object(writer);
    }
    json_end_array(writer);
    if (result->rehearsal.answers) {
        audit_rehearsal_json(writer, result);
    } else {
        json_add_string(writer, "rehearsal", NULL);
    }
    json_end_object(writer);
}

/* ---- For people ---- */

/** What follows from a verdict, and what the module's author can do. */
static const struct {
    const char *follows, *remedy;
} s_advice[] = {
    [VERDICT_CLEAN] = {NULL, NULL},
    [VERDICT_REINITIALISED] =
        {"Loading the new code changes these variables under the old, which is still serving.",
         "Keep them in the module's state (PEP 489, PyModule_GetState())."},
    [VERDICT_UNKNOWN] =
        {"Not everything was looked at: what it keeps is not known.",
         "Keep Python objects in the module's state, not in memory that the process shares."},
    [VERDICT_SHARED] =
        {"The module has this one for all interpreters: isinstance() and except miss the classes "
         "of the others, and what one application changes, all read.",
         "Look it up, or make it, in each interpreter, and keep it in the module's state."},
    [VERDICT_STALE] =
        {"After a reload in the process the new code would be served with objects of the old.",
         "Keep them in the module's state, and give them up in m_clear."},
    [VERDICT_DANGLING] =
        {"No reference is held: after a reload in the process the pointer leads to freed memory.",
         "Take a reference (Py_NewRef()) to the object, or to the one whose memory it is, and "
         "keep it in the module's state."},
    [VERDICT_REFUSES] = {"It runs in the main interpreter of a process only.",
                         "Multi-phase initialisation without global state (PEP 489, PEP 687)."},
    [VERDICT_BREAKS] = {"It cannot be loaded again in this process.",
                        "Multi-phase initialisation: set everything up in Py_mod_exec."},
    [VERDICT_CRASHES] = {"It ends the process, or keeps it from going on.",
                         "Multi-phase initialisation: set everything up in Py_mod_exec."},
};
static const char s_gilstate_advice[] =
    "Give its threads a state of the interpreter they work for: PyThreadState_New() instead of "
    "PyGILState_Ensure().";

static void print_finding(const struct stale_finding *finding) {
    if (finding->hazard == HAZARD_GILSTATE) {
        printf("    %s: %s%s%s\n", finding->symbol, finding->holds, *finding->owner ? " " : "",
               finding->owner);
        return;
    }
    printf("    %s%s (0x%llx) holds %s of %s, %s\n", finding->is_note ? "note: " : "",
           finding->symbol, (unsigned long long)finding->offset, finding->holds, finding->owner,
           finding->is_borrowed ? "without a reference" : "with a reference");
}

static void print_extension(const struct audit_result *result,
                            const struct audit_extension *extension) {
    bool has_gilstate_finding = false;
    printf("  %s: %s (%s initialisation%s%s)\n", extension->module,
           stale_verdict_name(extension->verdict), module_init_name(extension->init),
           extension->init == MODULE_INIT_SLOTS ? " by PyModExport" : "",
           extension->uses_gilstate ? ", uses the GIL-state API" : "");
    if (extension->error) {
        printf("    %s\n", extension->error);
    }
    for (size_t i = 1; i < extension->missing.count; i++) { /* the error names the first */
        printf("    it lacks %s\n", extension->missing.items[i]);
    }
    for (size_t i = 0; i < result->finding_count; i++) {
        if (is_of(&result->findings[i], extension)) {
            print_finding(&result->findings[i]);
            has_gilstate_finding |= result->findings[i].hazard == HAZARD_GILSTATE;
        }
    }
    if (s_advice[extension->verdict].follows) {
        printf("    What follows: %s\n    What helps: %s\n", s_advice[extension->verdict].follows,
               s_advice[extension->verdict].remedy);
    }
    if (has_gilstate_finding) {
        printf("    What helps: %s\n", s_gilstate_advice);
    }
}

static bool is_worth_a_line(const struct audit_result *result,
                            const struct audit_extension *extension) {
    bool has_finding = false;
    for (size_t i = 0; i < result->finding_count; i++) {
        has_finding |= is_of(&result->findings[i], extension);
    }
    return has_finding || extension->verdict != VERDICT_CLEAN;
}

void audit_report_print(const struct audit_result *result) {
    size_t clean = 0;
    printf("%s: %s\n", result->target,
           !result->placement      ? "does not load"
           : result->is_recyclable ? "every extension is recyclable"
                                   : "not recyclable");
    printf("  placement %s, reload by %s: %s\n", result->placement ? result->placement : "none",
           reload_of(result), result->why);
    if (result->is_unsteady) {
        printf("  %u runs did not all say the same: this is the one that found most\n",
               result->run_count);
    }
    if (result->learnt_in) {
        printf("  learnt in %s: the host that starts next has it in a process of its own\n",
               result->learnt_in);
    }
    for (size_t i = 0; i < result->extension_count; i++) {
        if (is_worth_a_line(result, &result->extensions[i])) {
            print_extension(result, &result->extensions[i]);
        } else {
            clean++;
        }
    }
    if (result->rehearsal.answers) {
        audit_rehearsal_print(result);
    }
    if (clean) {
        printf("  clean: %zu extension module%s without findings\n", clean, clean == 1 ? "" : "s");
    }
}
