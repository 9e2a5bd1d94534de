/**
 * Stale extension state: does any C extension still hold objects of the interpreter before?
 *
 * An extension module is initialised once per process as far as its C variables go.  What it keeps
 * there of one interpreter is still there when that interpreter has been replaced.  This check
 * finds such variables before the new interpreter gets traffic, and names them.
 *
 * One `struct stale_check` serves one named interpreter, generation after generation:
 *   1. stale_check_before_load(N): note what extensions hold of N before N+1 is built.
 *      Optional: without it no finding can be `reinitialised`.
 *   2. stale_check_loaded(N, N+1): the report before the switch; N+1 has loaded, N still serves.
 *      For the first generation stale_check_loaded(NULL, N): would it be recyclable?
 *   3. stale_check_before_end(N, N+1): N is drained and about to end; note what points into it.
 *   4. stale_check_after_end(N+1): the report after the end; which of these words still point
 *      there?
 *
 * After step 4, step 2 for N+2 may follow.  A step may be left out, but not be repeated or taken
 * out of order.  Between 3 and 4 no code of N+1 may run (the gate is closed): the check watches
 * which blocks are freed meanwhile.
 *
 * The check never runs code of the application: no __repr__, no attribute access, no destructor.
 * It calls tp_traverse, as the garbage collector does, and reads memory.
 *
 * @thread one at a time for one check; two checks must not be between 3 and 4 at once
 * @tstate attached for all functions but _new and _free: to the generation named, or to any
 *         interpreter that shares the process's GIL
 */
#ifndef RELOAD_STALE_STALE_H
#define RELOAD_STALE_STALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/python/module_init.h"

/** From harmless to worst; only the audit, which loads a second time, finds the last three. */
enum stale_verdict {
    VERDICT_CLEAN,         /**< nothing but immutable leaf values with a reference held */
    VERDICT_UNKNOWN,       /**< leads to more memory than is looked at */
    VERDICT_REINITIALISED, /**< pointed into N, but loading N+1 replaced the pointer */
    VERDICT_SHARED,        /**< N+1 is handed objects of another interpreter */
    VERDICT_STALE,         /**< still holds objects of N */
    VERDICT_DANGLING,      /**< points at memory of N that is freed when N ends */
    VERDICT_REFUSES,       /**< raises when it is loaded a second time, and says so on purpose */
    VERDICT_BREAKS,        /**< fails when it is loaded a second time */
    VERDICT_CRASHES,       /**< ends the process, or hangs, when it is loaded a second time */
};

const char *stale_verdict_name(enum stale_verdict verdict);
/** Whether an extension may be in several interpreters of one process, side by side and generation
 *  after generation: clean only.  An application that loads another one belongs in the main
 *  interpreter of a process of its own. */
bool stale_verdict_is_recyclable(enum stale_verdict verdict);

enum stale_hazard {
    HAZARD_GILSTATE = 1, /**< GIL-state API: callbacks of its threads run in the main interpreter */
    HAZARD_IDENTITY = 2, /**< keeps an object of one interpreter and uses it in another */
    HAZARD_BORROWED = 3, /**< keeps such an object without owning a reference */
};

struct stale_finding {
    enum stale_hazard hazard;
    enum stale_verdict verdict;
    /**
     * "psycopg2._psycopg"; for a private library the module that brought it; for an object in no
     * image the module that leads to it, "" if none does.
     */
    char *module;
    char *image;     /**< path of the image that the variable is in; "": it is in none */
    char *symbol;    /**< "cache", "table+0x10", ".bss+0x48", "cache → heap" */
    uint64_t offset; /**< of the variable in the image (in the thread-local block if is_tls) */
    bool is_tls;
    bool is_borrowed; /**< false: the variable owns a reference */
    char *holds;      /**< "<class 'decimal.Decimal'>" */
    char *owner;      /**< of the object: "the old generation", "the main interpreter", … */
    /**
     * Known and harmless for recycling: shown, but not part of any verdict.  For example objects of
     * the main interpreter that standard library modules share between interpreters.
     */
    bool is_note;
};

/** One extension module of the generation under test. */
struct stale_extension {
    char *module, *file;
    enum module_init init;
    bool uses_gilstate; /**< its image calls PyGILState_Ensure */
    enum stale_verdict verdict;
    unsigned findings; /**< without notes */
};

struct stale_report {
    enum stale_verdict verdict; /**< the worst */
    struct stale_finding *findings;
    size_t finding_count; /**< notes included */
    struct stale_extension *extensions;
    size_t extension_count;
    double took_ms;
};

void stale_report_free(struct stale_report *report);

/** @return the worst finding that is not recyclable, notes left out; NULL: there is none */
const struct stale_finding *stale_findings_worst(const struct stale_finding *findings,
                                                 size_t count);

struct stale_check;

/** @return a check, or NULL with ERR_MEMORY  @owns the caller */
struct stale_check *stale_check_new(struct error *err);
void stale_check_free(struct stale_check *check);

/**
 * Find an extension, or a library of one, that `interpreter` uses and whose file was replaced or
 * written since it was mapped: what is loaded in this process is the old one for ever.  At any
 * time.  What was mapped is noted by all steps and by stale_check_new(), which should therefore
 * come before the first load.
 * @param interpreter       NULL: whichever uses it
 * @param[out] ret_is_sure  false: it was written about when it was loaded, or there is none
 * @param[out] ret_changed  in words; "": there is none
 * @return 0, or -1: ERR_MEMORY
 */
int stale_check_files(struct stale_check *check, void *interpreter, bool *ret_is_sure,
                      char *ret_changed, size_t size, struct error *err);
/**
 * Find what `interpreter` uses that did not come with the standard library (stale_files.h).
 * @param[out] ret_foreign  in words; "": there is none
 * @return 0, or -1: ERR_MEMORY  @tstate attached to the interpreter, which may have its own GIL
 */
int stale_check_foreign(struct stale_check *check, void *interpreter, char *ret_foreign,
                        size_t size, struct error *err);
/**
 * Visit the files of the libraries that came with the extensions of `interpreter`, but for the
 * system's (stale_files.h).
 * @return 0, or -1: ERR_MEMORY
 */
int stale_check_each_library(struct stale_check *check, void *interpreter,
                             void (*visit)(void *ctx, const char *path), void *ctx,
                             struct error *err);

/* `old` and `new` are PyInterpreterState pointers (generation_interpreter_state()).
 * The steps return 0, or -1 with ERR_MEMORY; ERR_SYSTEM: memory of a library is gone, or the step
 * before failed that this one needs; ERR_USAGE: an interpreter has a GIL of its own. */

int stale_check_before_load(struct stale_check *check, void *old, struct error *err);
/** @owns the report is the caller's: stale_report_free() */
int stale_check_loaded(struct stale_check *check, void *old, void *new,
                       struct stale_report **ret_report, struct error *err);
/** @param new  the generation that serves now, or NULL */
int stale_check_before_end(struct stale_check *check, void *old, void *new, struct error *err);
/**
 * Whether the threads of extensions allow `old` to be ended (gilstate_may_end()).  After `true` the
 * GIL must be held until it has ended.
 */
bool stale_check_may_end(struct stale_check *check, void *old);
int stale_check_after_end(struct stale_check *check, void *new, struct stale_report **ret_report,
                          struct error *err);

#endif
