/**
 * What was learnt of applications, kept from one start of the host to the next: those that cannot
 * live in a sub-interpreter of the shared process, and why.
 *
 * An entry holds for the applications of one interpreter, all of them with name and WSGI file, for
 * one version of Python, and as long as one file is the same (path, device, inode, size, time of
 * modification): the extension module that was found to refuse, break or keep stale state; of a
 * crash, whose extension is not known, the application's WSGI file.  What does not hold any more is
 * learnt again.
 *
 * The entries are in one JSON file, FOLDER/placement.json (state_file.h).  It is read again before
 * each change, so that hosts which share a folder keep what the others have learnt; when two write
 * at once the last one's file stays, and what the other one had learnt is learnt again.  Entries of
 * applications that this host does not have are kept, PLACEMENT_MEMORY_ENTRIES in all.  A file that
 * is not what this host would have written is set aside: [state.corrupt].  What cannot be read or
 * written is logged once, [state.failed], and the host goes on without.
 *
 * Every function takes NULL for the memory: nothing is kept.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_PLACEMENT_MEMORY_H
#define FCGI_HOST_SUPERVISOR_PLACEMENT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/base/string_list.h"

#define PLACEMENT_MEMORY_FILE "placement.json"
/** Verdict of an entry that is about an application: it has crashed the process that loaded it. */
#define PLACEMENT_MEMORY_CRASHES "crashes"

enum {
    PLACEMENT_MEMORY_ENTRIES = 256, /**< more than a host has: beyond it the oldest ones go */
    PLACEMENT_MEMORY_BYTES = 1 << 20,
    PLACEMENT_MEMORY_TEXT_BYTES = 16384, /**< of one text in it */
};

/** Which contents a path has. */
struct file_identity {
    uint64_t device, inode, size;
    int64_t mtime_ns; /**< CLOCK_REALTIME */
};

/** @return whether the file is there */
typedef bool file_identify_function(void *ctx, const char *path,
                                    struct file_identity *ret_identity);

/** What an entry is about. */
struct learnt_place {
    const char *process, *interpreter; /**< as configured */
    struct string_list apps; /**< name, absolute WSGI file, name, …: all in the interpreter */
};

/** An entry. */
struct learnt {
    struct learnt *next;
    struct learnt_place place;
    const char *verdict; /**< as stale.h names it: "refuses", "stale", … */
    const char *file;    /**< that it is about; absolute */
    const char *why;     /**< for log and status */
    bool is_at_load;     /**< it was met while the applications were loaded, not by a request */
    int64_t since_s;     /**< when it was first learnt, CLOCK_REALTIME */
    /* Of the one who keeps it: */
    const char *python; /**< "3.11.2" */
    struct file_identity identity;
};

struct placement_memory;

struct placement_memory_options {
    const char *folder;               /**< copied; need not be there */
    const char *python;               /**< copied */
    file_identify_function *identify; /**< NULL: stat() */
    void *ctx;
};

/** Read what is kept. @return NULL: ERR_MEMORY  @owns the caller */
struct placement_memory *placement_memory_new(const struct placement_memory_options *options,
                                              struct error *err);
void placement_memory_free(struct placement_memory *memory);

/** @return what is kept of a place and holds; NULL: nothing.  Valid until the next call that
 *          changes something.  What does not hold any more is forgotten. */
const struct learnt *placement_memory_find(struct placement_memory *memory,
                                           const struct learnt_place *place);

/**
 * Keep an entry, in place of all that are about one of its applications.
 * @param learnt  copied; `python` and `identity` are filled in by this
 * @return since when it is known: learnt->since_s, or earlier if the same was kept before
 */
int64_t placement_memory_keep(struct placement_memory *memory, const struct learnt *learnt);

/** Forget what is kept of a place. @param why  for the log, [state.forgotten] */
void placement_memory_forget(struct placement_memory *memory, const struct learnt_place *place,
                             const char *why);

#endif
