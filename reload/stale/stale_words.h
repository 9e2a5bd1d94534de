/**
 * The check's judgement of single words: which hits of a scan are findings, and of what kind.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_STALE_STALE_WORDS_H
#define RELOAD_STALE_STALE_WORDS_H

#include "reload/stale/stale_report.h"
#include "reload/stale/stale_view.h"

/** Owners (enum object_owner bits) of what a hit holds. */
unsigned stale_words_owners(const struct stale_view *view, const struct scan_hit *hit);

/**
 * Whether a variable holds an object of `old` without a reference of its own: all references come
 * from objects of `old`, and go when it ends.
 */
bool stale_words_is_borrowed(const struct stale_view *view, const struct scan_hit *hit);

/**
 * Whether a hit is probably a leftover: heap blocks keep old contents, which look like strings,
 * code and the like without an owned reference.
 */
bool stale_words_is_leftover(const struct scan_hit *hit, bool is_borrowed);

/** Turn the hits into findings. Errors: ERR_MEMORY */
int stale_words_report(struct stale_view *view, struct stale_report *report, struct error *err);

/**
 * Findings about words that lead to the state of `old` or of one of its threads, and about images
 * whose memory was not looked at whole. Errors: ERR_MEMORY
 */
int stale_states_report(struct stale_view *view, struct stale_report *report, struct error *err);

/**
 * Findings about what a module gives to all interpreters, and an application has changed
 * (handed_out.h). Errors: ERR_MEMORY
 */
int stale_handed_out_report(const struct stale_view *view, struct stale_report *report,
                            struct error *err);

/** What such findings say, before and after the end of the interpreter. */
struct stale_what stale_states_what(void);
struct stale_what stale_cut_what(void);

/** Turn the edges between interpreters into findings. Errors: ERR_MEMORY */
int stale_edges_report(struct stale_view *view, struct stale_report *report, struct error *err);

/** Attributes of extensions' static types that are objects of `old`. Errors: ERR_MEMORY */
int stale_types_report(struct stale_view *view, struct stale_report *report, struct error *err);

/** Calls of PyGILState_Ensure() on threads that extensions started. Errors: ERR_MEMORY */
int stale_threads_report(struct stale_view *view, struct stale_report *report, struct error *err);

#endif
