/**
 * Building a struct stale_report.  For this room only.
 *
 * @thread one at a time  @tstate attached
 */
#ifndef RELOAD_STALE_STALE_REPORT_H
#define RELOAD_STALE_STALE_REPORT_H

#include "reload/scan/scan.h"
#include "reload/stale/extension.h"
#include "reload/stale/stale.h"

/** A report that lists these extensions, all clean so far. @return NULL: out of memory */
struct stale_report *stale_report_new(const struct extension_list *extensions);

/** What a finding says beside where it is. */
struct stale_what {
    enum stale_hazard hazard;
    enum stale_verdict verdict;
    bool is_borrowed, is_note;
    PyObject *holds;
    const char *holds_text; /**< instead of `holds`, for an object that is gone */
    const char *owner;
    const char *function; /**< NULL, or a function's name instead of the variable's */
    const char *detail;   /**< NULL, or a text that follows the symbol */
};

/** Add a finding about a variable. @return 0, or -1: out of memory */
int stale_report_add(struct stale_report *report, const struct extension_list *extensions,
                     const struct image_list *images, const struct scan_hit *hit,
                     const struct stale_what *what);

/** Add a finding that no variable could be found for. `where` stands for the symbol. */
int stale_report_add_nowhere(struct stale_report *report, const char *module, const char *where,
                             const struct stale_what *what);

/** Set the verdicts of the extensions and of the whole. */
void stale_report_conclude(struct stale_report *report);

#endif
