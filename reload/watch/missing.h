/**
 * What a failed load did not find: names in the text of its error.  A file of such a name that
 * appears is a reason to try again; any other is none.
 *
 * Pure.
 * @thread one at a time (its owner's lock)   @tstate none
 */
#ifndef RELOAD_WATCH_MISSING_H
#define RELOAD_WATCH_MISSING_H

#include <stdbool.h>
#include <stddef.h>

/** A traceback names a few at most: alternatives that were tried one after the other. */
enum { MISSING_NAMES_MAX = 16, MISSING_NAME_BYTES = 64 };

struct missing {
    size_t count; /**< 0: not known */
    char names[MISSING_NAMES_MAX][MISSING_NAME_BYTES];
};

/** Find the modules and files that the text of an error says are missing. */
void missing_find(struct missing *missing, const char *error_text);

/**
 * Whether what has appeared at `path` may be one of them: a module's file, a package's folder or
 * its __init__ file, or a file of exactly that name.  Where no name is known, any Python source.
 */
bool missing_may_be(const struct missing *missing, const char *path);

#endif
