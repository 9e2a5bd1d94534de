#include "fcgi_host/commands/audit_result.h"

#include "fcgi_host/commands/audit_rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 12 };

static struct audit_extension *find_extension(struct audit_result *result, const char *module) {
    for (size_t i = 0; i < result->extension_count; i++) {
        if (strcmp(result->extensions[i].module, module) == 0) {
            return &result->extensions[i];
        }
    }
    return NULL;
}

/** What a process said of a module's initialisation. */
static enum module_init init_said(const char *field) {
    int init = field[0] - '0';
    return init > 0 && init < MODULE_INITS ? (enum module_init)init : MODULE_INIT_MULTI_PHASE;
}

/** Take what was said before there was reason to list the extension. */
static void learn_init(const struct audit_result *result, struct audit_extension *extension) {
    for (int init = 0; init < MODULE_INITS; init++) {
        if (string_list_has(&result->of_init[init], extension->module)) {
            extension->init = (enum module_init)init;
            extension->knows_init = true;
        }
    }
}

struct audit_extension *audit_result_extension(struct audit_result *result, const char *module,
                                               const char *file, struct error *err) {
    struct audit_extension *extension = find_extension(result, module);
    if (extension) {
        return extension;
    }
    struct audit_extension *extensions =
        realloc(result->extensions, (result->extension_count + 1) * sizeof *extensions);
    if (!extensions) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    result->extensions = extensions;
    extension = &extensions[result->extension_count];
    *extension = (struct audit_extension){.module = strdup(module), .file = strdup(file)};
    if (!extension->module || !extension->file) {
        free(extension->module);
        free(extension->file);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    learn_init(result, extension);
    result->extension_count++;
    return extension;
}

static enum stale_verdict verdict_named(const char *name) {
    enum stale_verdict verdict = VERDICT_CLEAN;
    while (verdict < VERDICT_CRASHES && strcmp(stale_verdict_name(verdict), name) != 0) {
        verdict++;
    }
    return verdict;
}

static int take_extension(struct audit_result *result, char **fields, struct error *err) {
    struct audit_extension *extension = audit_result_extension(result, fields[2], fields[3], err);
    if (!extension) {
        return -1;
    }
    enum stale_verdict verdict = verdict_named(fields[6]);
    extension->init = init_said(fields[4]);
    extension->knows_init = true;
    extension->uses_gilstate = fields[5][0] == '1';
    if (strcmp(fields[1], "first") == 0) {
        extension->was_stale_at_first |= verdict != VERDICT_CLEAN;
        return 0;
    }
    extension->was_loaded_twice = true;
    if (verdict > extension->verdict) {
        extension->verdict = verdict;
    }
    return 0;
}

/** The same variable that holds the same, found at several steps: the worst verdict counts. */
static struct stale_finding *known_finding(struct audit_result *result, char **fields) {
    for (size_t i = 0; i < result->finding_count; i++) {
        struct stale_finding *finding = &result->findings[i];
        if (strcmp(finding->module, fields[2]) == 0 && strcmp(finding->symbol, fields[5]) == 0 &&
            (strcmp(finding->holds, fields[7]) == 0 || fields[3][0] == '1') &&
            (int)finding->hazard == fields[3][0] - '0') {
            return finding;
        }
    }
    return NULL;
}

static int take_finding(struct audit_result *result, char **fields, struct error *err) {
    struct stale_finding *known = known_finding(result, fields);
    if (known) {
        enum stale_verdict verdict = verdict_named(fields[4]);
        known->verdict = verdict > known->verdict ? verdict : known->verdict;
        return 0;
    }
    struct stale_finding *findings =
        realloc(result->findings, (result->finding_count + 1) * sizeof *findings);
    if (!findings) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    result->findings = findings;
    struct stale_finding *finding = &findings[result->finding_count++];
    *finding = (struct stale_finding){
        .hazard = (enum stale_hazard)(fields[3][0] - '0'),
        .verdict = verdict_named(fields[4]),
        .module = strdup(fields[2]),
        .symbol = strdup(fields[5]),
        .offset = strtoull(fields[6], NULL, 16),
        .holds = strdup(fields[7]),
        .is_borrowed = fields[8][0] == '1',
        .is_note = fields[9][0] == '1',
        .owner = strdup(fields[10]),
    };
    if (!finding->module || !finding->symbol || !finding->holds || !finding->owner) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    return 0;
}

static int take_text(struct string_list *list, const char *text, struct error *err) {
    return string_list_add(list, strdup(text)) == 0 ? 0
                                                    : error_set(err, ERR_MEMORY, "out of memory");
}

static int take_init(struct audit_result *result, char **fields, struct error *err) {
    struct audit_extension *extension = find_extension(result, fields[1]);
    enum module_init init = init_said(fields[2]);
    if (string_list_has(&result->of_init[init], fields[1])) {
        return 0;
    }
    if (extension) {
        extension->init = init;
        extension->knows_init = true;
    }
    return take_text(&result->of_init[init], fields[1], err);
}

/** What an extension raised in a sub-interpreter: an ImportError is raised on purpose. */
static int take_refusal(struct audit_result *result, struct audit_run *run, char **fields,
                        struct error *err) {
    struct audit_extension *extension = audit_result_extension(result, fields[1], fields[2], err);
    if (!extension) {
        return -1;
    }
    bool says_so = strcmp(fields[3], "ImportError") == 0;
    enum stale_verdict verdict = says_so ? VERDICT_REFUSES : VERDICT_BREAKS;
    run->has_refusal = true;
    if (extension->verdict < verdict) {
        extension->verdict = verdict;
        free(extension->error);
        extension->error = NULL;
        if (asprintf(&extension->error, "%s: %s", fields[3], fields[4]) < 0) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    return 0;
}

/** The import of a module begins: of an extension's if it has a shared object. */
static int take_import(struct audit_run *run, char **fields, struct error *err) {
    size_t length = strlen(fields[2]);
    if (length <= 3 || strcmp(fields[2] + length - 3, ".so") != 0) {
        return 0;
    }
    return take_text(&run->imports, fields[1], err) || take_text(&run->imports, fields[2], err);
}

static int take_attribute(struct audit_run *run, char **fields, struct error *err) {
    char text[512];
    snprintf(text, sizeof text, "%s %s", fields[1], fields[2]);
    return take_text(&run->attributes, text, err);
}

static void begin_step(struct audit_run *run, const char *step) {
    snprintf(run->step, sizeof run->step, "%s", step);
    if (strncmp(step, "load", 4) == 0) {
        string_list_clear(&run->attributes);
    }
}

static void take_question(struct audit_run *run, const char *what) {
    if (!run->got) { /* else: which one differed */
        snprintf(run->asked, sizeof run->asked, "%s", what);
    }
}

static void take_failure(struct audit_run *run, char **fields) {
    snprintf(run->failed_at, sizeof run->failed_at, "%s", fields[1]);
    snprintf(run->error, sizeof run->error, "%s", fields[2]);
}

static int split(char *line, char **fields) {
    int count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at && count < FIELDS_MAX; count++) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at) {
            *at++ = '\0';
        }
    }
    for (int i = count; i < FIELDS_MAX; i++) {
        fields[i] = line + strlen(line);
    }
    return count;
}

int audit_result_line(struct audit_result *result, enum audit_way way, char *line,
                      struct error *err) {
    char *fields[FIELDS_MAX];
    struct audit_run *run = &result->runs[way];
    int count = split(line, fields);
    /* What an interpreter with its own GIL says of a module is its placement only. */
    bool is_shared = way != AUDIT_OWN_GIL;
    const char *kind = fields[0];
    if (strcmp(kind, "step") == 0) {
        begin_step(run, fields[1]);
    } else if (strcmp(kind, "thread") == 0) {
        run->thread = strtol(fields[1], NULL, 10);
    } else if (strcmp(kind, "import") == 0) {
        return take_import(run, fields, err);
    } else if (strcmp(kind, "extension") == 0 && count == 7) {
        return take_extension(result, fields, err);
    } else if (strcmp(kind, "finding") == 0 && count == 11) {
        return take_finding(result, fields, err);
    } else if (strcmp(kind, "refusal") == 0 && is_shared) {
        return take_refusal(result, run, fields, err);
    } else if (strcmp(kind, "refusal") == 0) {
        take_failure(run, (char *[]){fields[0], run->step, fields[4]});
    } else if (strcmp(kind, "init") == 0) {
        return take_init(result, fields, err);
    } else if (strcmp(kind, "attribute") == 0) {
        return take_attribute(run, fields, err);
    } else if (strcmp(kind, "ask") == 0) {
        take_question(run, fields[1]);
    } else if (strcmp(kind, "answer") == 0 && count == 5) {
        return audit_rehearsal_take(result, way, fields, err);
    } else if (strcmp(kind, "frame") == 0) {
        return take_text(&run->frames, fields[1], err);
    } else if (strcmp(kind, "fault") == 0) {
        return take_text(&run->faults, fields[1], err);
    } else if (strcmp(kind, "failed") == 0) {
        take_failure(run, fields);
    } else if (strcmp(kind, "kept") == 0) {
        run->was_kept = true;
    } else if (strcmp(kind, "done") == 0) {
        run->is_done = true;
    } else {
        return error_set(err, ERR_PROTOCOL, "the audit's process said \"%s\"", kind);
    }
    return 0;
}

void audit_run_clear(struct audit_run *run) {
    string_list_clear(&run->imports);
    string_list_clear(&run->attributes);
    string_list_clear(&run->frames);
    string_list_clear(&run->faults);
    free(run->expected);
    free(run->got);
    *run = (struct audit_run){0};
}

void audit_result_clear(struct audit_result *result) {
    for (size_t i = 0; i < result->extension_count; i++) {
        free(result->extensions[i].module);
        free(result->extensions[i].file);
        free(result->extensions[i].error);
        string_list_clear(&result->extensions[i].missing);
    }
    for (size_t i = 0; i < AUDIT_WAYS; i++) {
        audit_run_clear(&result->runs[i]);
    }
    for (size_t i = 0; i < result->finding_count; i++) {
        free(result->findings[i].module);
        free(result->findings[i].symbol);
        free(result->findings[i].holds);
        free(result->findings[i].owner);
    }
    for (int i = 0; i < MODULE_INITS; i++) {
        string_list_clear(&result->of_init[i]);
    }
    audit_rehearsal_clear(&result->rehearsal);
    free(result->learnt_in);
    free(result->extensions);
    free(result->findings);
    *result = (struct audit_result){0};
}
