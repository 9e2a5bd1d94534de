/**
 * What an audit of one target found: filled from the lines that the throw-away processes write,
 * then judged.
 *
 * A line is fields between tabs; what an application made up is cleaned of tabs and control
 * characters by the writer (audit_child.c):
 *   step NAME · thread ID (that loads) · import MODULE FILE (begins)
 *   extension PHASE MODULE FILE single|multi USES_GILSTATE VERDICT
 *   finding PHASE MODULE HAZARD VERDICT SYMBOL OFFSET HOLDS BORROWED NOTE OWNER
 *   refusal MODULE FILE EXCEPTION MESSAGE · init MODULE single|multi
 *   attribute MODULE NAME (that it has)
 *   frame FILE (of a traceback, the innermost last) · failed STEP TEXT
 *   ask WHAT · answer INTERPRETER REQUEST HASH TEXT
 *   fault FILE (of an image on a crash's stack, the innermost first) · kept · done
 *
 * @thread one at a time  @tstate none; needs no Python
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_RESULT_H
#define FCGI_HOST_COMMANDS_AUDIT_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"
#include "pool/base/string_list.h"
#include "reload/stale/stale.h"

/** The throw-away processes, each with one way of loading the target. */
enum audit_way {
    AUDIT_SEQUENTIAL,  /**< in one interpreter, and after its end in another */
    AUDIT_OVERLAPPING, /**< in two, as a reload does it */
    AUDIT_OWN_GIL,     /**< in an interpreter with a GIL of its own */
    AUDIT_MAIN,        /**< in the main interpreter */
    /* The orders of a rehearsal (audit_rehearse.c). */
    AUDIT_PLAIN, /**< in the main interpreter: what the answers should be */
    AUDIT_PLAIN_AGAIN,
    AUDIT_RELOADS,
    AUDIT_SIDE_BY_SIDE,
    AUDIT_THREADS,
    AUDIT_WAYS
};

/** How one of these processes ended. */
struct audit_run {
    bool was_run, is_done;
    bool was_kept; /**< the first interpreter could not be ended */
    char step[32]; /**< the last one that was begun: "load 1", "end 1", "load 2", "end 2" */
    long thread;   /**< that loads; 0: none has begun */
    /** Extension modules whose import was begun: name, file, name, …; owned, as the others. */
    struct string_list imports;
    struct string_list attributes; /**< of extension modules after the last load: "MODULE NAME" */
    struct string_list frames;     /**< files of a traceback, the innermost last */
    struct string_list faults;     /**< images of a crash's stack, the innermost first */
    bool has_refusal;              /**< an extension has raised */
    char failed_at[32];            /**< the step that raised; "" if none */
    char error[1024];              /**< what it raised, or how the process ended */
    bool has_crashed;              /**< by a signal, or because it took too long */
    bool has_timed_out;
    /* Of a rehearsal: */
    char asked[1024];       /**< what was asked last, or the first time that the answer differed */
    char differs_after[32]; /**< the step before that */
    char *expected, *got;   /**< the first answer that differed; NULL: none did; owned */
};

/** An answer of a plain interpreter. */
struct audit_answer {
    char hash[24];
    char *text;       /**< its beginning; owned; NULL: there was none */
    bool is_unsteady; /**< it is not always the same there */
};

struct audit_rehearsal {
    char *const *requests; /**< borrowed */
    size_t count;
    struct audit_answer *answers; /**< to these; owned */
    bool is_filled;               /**< what was freed was overwritten */
};

struct audit_extension {
    char *module, *file;
    enum module_init init;
    bool knows_init; /**< a process has seen a module of it */
    bool uses_gilstate;
    bool was_stale_at_first, was_loaded_twice;
    enum stale_verdict verdict;
    char *error; /**< of its second loading; NULL */
    /** Attributes that it has in the main interpreter and lacks in a sub-interpreter; owned. */
    struct string_list missing;
};

struct audit_result {
    const char *target; /**< as it was given: "app.py", "-m psycopg2" */
    struct audit_run runs[AUDIT_WAYS];
    struct audit_extension *extensions;
    size_t extension_count;
    struct string_list of_init[MODULE_INITS]; /**< modules of each initialisation; owned */
    struct stale_finding *findings;           /**< of all steps, each once */
    size_t finding_count;
    struct audit_rehearsal rehearsal; /**< answers NULL: there was none */
    /* the judgement */
    const char *placement; /**< "own-gil", "sub-interpreter", "main"; NULL: it does not load */
    bool is_recyclable;
    char why[1400];
    unsigned run_count; /**< audits of it, of which this one found most */
    bool is_unsteady;   /**< they did not all say the same */
    char *learnt_in;    /**< the folder in which it is kept for serve; NULL: it is not; owned */
};

/** Take in one line of a process. @return 0, or -1 with ERR_PROTOCOL, ERR_MEMORY */
int audit_result_line(struct audit_result *result, enum audit_way way, char *line,
                      struct error *err);

/** The extension of this name, added if it is not there. @return NULL: ERR_MEMORY */
struct audit_extension *audit_result_extension(struct audit_result *result, const char *module,
                                               const char *file, struct error *err);

/** Give an extension a verdict, unless it has a worse one. Errors: ERR_MEMORY */
int audit_result_blame(struct audit_extension *extension, enum stale_verdict verdict,
                       const char *error, struct error *err);
/** @return the extension to blame for a process that has crashed or raised; NULL: it is none */
struct audit_extension *audit_result_culprit(struct audit_result *result,
                                             const struct audit_run *run, struct error *err);

/** All processes but AUDIT_OWN_GIL's have ended: give each extension its verdict. Errors:
 * ERR_MEMORY
 */
int audit_result_judge(struct audit_result *result, struct error *err);
/** Whether the target cannot be in a sub-interpreter beside others. @pre it is judged */
bool audit_result_belongs_in_main(const struct audit_result *result);
/** @return the extension with the worst verdict; NULL: all are recyclable */
struct audit_extension *audit_result_worst(const struct audit_result *result);

/** All processes have ended: fill in the judgement about the target. @pre it is judged */
void audit_result_place(struct audit_result *result);

void audit_run_clear(struct audit_run *run);
/** Free what the result holds, not the struct. */
void audit_result_clear(struct audit_result *result);

#endif
