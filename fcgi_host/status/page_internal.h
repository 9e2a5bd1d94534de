/**
 * What the page consists of: page.c (frame and head), page_wrong.c (what is wrong), page_plots.c
 * (the last fifteen minutes), page_groups.c (process groups, applications, workers), page_pieces.c
 * (what all of them write).
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_PAGE_INTERNAL_H
#define FCGI_HOST_STATUS_PAGE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fcgi_host/status/applications.h"

/** A process group, as it is shown. */
struct page_group {
    const char *name;
    const json_t *process; /**< of "processes" */
    struct status_applications applications;
    size_t first_id; /**< of its applications' rows, "app" and a number; until these have any: its
                      *   place in the document */
    bool is_wrong;
};

struct page {
    FILE *out;
    const json_t *status;
    struct page_group
        *groups; /**< those with something wrong first, else in the document's order */
    size_t count;
};

/* ---- page_pieces.c ---- */

void page_put_text(FILE *out, const char *text);
void page_put_string(FILE *out, const json_t *object, const char *key);
/** A state, an outcome or a verdict, in its colour, with what it means when the pointer rests. */
void page_put_word(FILE *out, const char *word);
/** @return the class of a word: "good", "busy", "bad" or "" */
const char *page_class_of(const char *word);
/** How a reload ended: outcome, time, how many workers, verdict.
 *  @param reload  one of the document's, or an application's last */
void page_put_outcome(FILE *out, const json_t *reload);
/** Why the new code does not serve, in a line of its own; nothing where it does. */
void page_put_why(FILE *out, const json_t *reload);
/** "5 s", "12 min" … */
void page_put_duration(FILE *out, double seconds);
/** "1 thing", "2 things" */
void page_put_count(FILE *out, double count, const char *thing);
/** The last line of a text that has something in it. */
void page_put_last_line(FILE *out, const char *text);

/* ---- page_wrong.c ---- */

/** A list of what somebody should look at, with links to it; one line when there is nothing. */
void page_put_wrong(const struct page *page);

/* ---- page_plots.c ---- */

/** Plots of the history, and the last reloads. */
void page_put_plots(const struct page *page);
void page_put_reloads(const struct page *page);

/* ---- page_groups.c ---- */

/** @return 0, or -1: out of memory; page_free_groups() in any case */
int page_collect_groups(struct page *page);
void page_free_groups(struct page *page);
void page_put_groups(const struct page *page);

#endif
