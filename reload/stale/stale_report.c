#include "reload/stale/stale_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reload/objects/object_text.h"

const char *stale_verdict_name(enum stale_verdict verdict) {
    static const char *const s_names[] = {
        [VERDICT_CLEAN] = "clean",     [VERDICT_REINITIALISED] = "reinitialised",
        [VERDICT_UNKNOWN] = "unknown", [VERDICT_SHARED] = "shared",
        [VERDICT_STALE] = "stale",     [VERDICT_DANGLING] = "dangling",
        [VERDICT_REFUSES] = "refuses", [VERDICT_BREAKS] = "breaks",
        [VERDICT_CRASHES] = "crashes",
    };
    return s_names[verdict];
}

bool stale_verdict_is_recyclable(enum stale_verdict verdict) {
    return verdict == VERDICT_CLEAN;
}

const struct stale_finding *stale_findings_worst(const struct stale_finding *findings,
                                                 size_t count) {
    const struct stale_finding *worst = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct stale_finding *each = &findings[i];
        if (!each->is_note && !stale_verdict_is_recyclable(each->verdict) &&
            (!worst || each->verdict > worst->verdict)) {
            worst = each;
        }
    }
    return worst;
}

static void free_finding(struct stale_finding *finding) {
    free(finding->module);
    free(finding->image);
    free(finding->symbol);
    free(finding->holds);
    free(finding->owner);
}

void stale_report_free(struct stale_report *report) {
    if (!report) {
        return;
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        free_finding(&report->findings[i]);
    }
    for (size_t i = 0; i < report->extension_count; i++) {
        free(report->extensions[i].module);
        free(report->extensions[i].file);
    }
    free(report->findings);
    free(report->extensions);
    free(report);
}

struct stale_report *stale_report_new(const struct extension_list *extensions) {
    struct stale_report *report = calloc(1, sizeof *report);
    if (!report || extensions->count == 0) {
        return report;
    }
    report->extensions = calloc(extensions->count, sizeof *report->extensions);
    for (size_t i = 0; report->extensions && i < extensions->count; i++) {
        const struct extension *from = &extensions->items[i];
        struct stale_extension *to = &report->extensions[report->extension_count++];
        to->module = strdup(from->module);
        to->file = strdup(from->file);
        to->init = from->init;
        to->uses_gilstate = from->image->imports_gilstate;
        if (!to->module || !to->file) {
            break;
        }
    }
    if (report->extension_count < extensions->count) {
        stale_report_free(report);
        return NULL;
    }
    return report;
}

static void holds_text(const struct stale_what *what, char text[OBJECT_TEXT_BYTES]) {
    if (what->holds_text) {
        snprintf(text, OBJECT_TEXT_BYTES, "%s", what->holds_text);
    } else {
        object_text(what->holds, text, OBJECT_TEXT_BYTES);
    }
}

/** Room for one more finding, zeroed; the caller counts it once it is whole. */
static struct stale_finding *next_finding(struct stale_report *report) {
    struct stale_finding *findings =
        realloc(report->findings, (report->finding_count + 1) * sizeof *findings);
    if (!findings) {
        return NULL;
    }
    report->findings = findings;
    struct stale_finding *finding = &findings[report->finding_count];
    memset(finding, 0, sizeof *finding);
    return finding;
}

/** Where a finding is. */
struct place {
    const char *module, *image, *symbol;
};

/** Complete the finding that next_finding() gave. @return 0, or -1: out of memory */
static int fill(struct stale_report *report, struct stale_finding *finding,
                const struct place *place, const struct stale_what *what) {
    char holds[OBJECT_TEXT_BYTES];
    holds_text(what, holds);
    finding->hazard = what->hazard;
    finding->verdict = what->verdict;
    finding->is_borrowed = what->is_borrowed;
    finding->is_note = what->is_note;
    finding->module = strdup(place->module);
    finding->image = strdup(place->image);
    finding->symbol = strdup(place->symbol);
    finding->holds = strdup(holds);
    finding->owner = strdup(what->owner);
    if (!finding->module || !finding->image || !finding->symbol || !finding->holds ||
        !finding->owner) {
        free_finding(finding);
        return -1;
    }
    report->finding_count++;
    return 0;
}

/** Several words of one variable that hold the same thing are one finding. */
static bool is_known(const struct stale_report *report, const struct scan_hit *hit,
                     const char *symbol, const struct stale_what *what) {
    char holds[OBJECT_TEXT_BYTES];
    holds_text(what, holds);
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct stale_finding *finding = &report->findings[i];
        if (finding->offset == hit->location - (hit->is_tls ? 0 : hit->image->base) &&
            strcmp(finding->image, hit->image->path) == 0 && strcmp(finding->symbol, symbol) == 0 &&
            strcmp(finding->holds, holds) == 0) {
            return true;
        }
    }
    return false;
}

int stale_report_add(struct stale_report *report, const struct extension_list *extensions,
                     const struct image_list *images, const struct scan_hit *hit,
                     const struct stale_what *what) {
    char symbol[256];
    if (what->function) {
        snprintf(symbol, sizeof symbol, "%s", what->function);
    } else {
        scan_hit_symbol(hit, symbol, sizeof symbol);
    }
    if (what->detail) {
        size_t used = strlen(symbol);
        snprintf(symbol + used, sizeof symbol - used, "%s", what->detail);
    }
    if (is_known(report, hit, symbol, what)) {
        return 0;
    }
    struct stale_finding *finding = next_finding(report);
    if (!finding) {
        return -1;
    }
    finding->is_tls = hit->is_tls;
    finding->offset = hit->location - (hit->is_tls ? 0 : hit->image->base);
    const char *module = extension_list_module_of(extensions, images, hit->image);
    const struct place place = {module, hit->image->path, symbol};
    return fill(report, finding, &place, what);
}

int stale_report_add_nowhere(struct stale_report *report, const char *module, const char *where,
                             const struct stale_what *what) {
    struct stale_finding *finding = next_finding(report);
    const struct place place = {module, "", where};
    return finding ? fill(report, finding, &place, what) : -1;
}

void stale_report_conclude(struct stale_report *report) {
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct stale_finding *finding = &report->findings[i];
        if (finding->is_note) {
            continue;
        }
        if (finding->verdict > report->verdict) {
            report->verdict = finding->verdict;
        }
        for (size_t k = 0; k < report->extension_count; k++) {
            struct stale_extension *extension = &report->extensions[k];
            if (strcmp(extension->module, finding->module) == 0) {
                extension->findings++;
                if (finding->verdict > extension->verdict) {
                    extension->verdict = finding->verdict;
                }
            }
        }
    }
}
