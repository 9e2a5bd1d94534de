/**
 * Which files beside the loaded modules belong to an application: `watch` and `ignore` patterns.
 *
 * Patterns are shell patterns over whole paths: `*` and `?` stay within one component, `[a-z]` is
 * a set, and a component `**` stands for any number of components, none included (as in Python's
 * glob and in .gitignore).  A relative pattern is taken from the base directory.
 *
 * Pure but for path_filter_walk(), which reads directories.
 * @thread immutable once made: any   @tstate none
 */
#ifndef RELOAD_WATCH_PATH_FILTER_H
#define RELOAD_WATCH_PATH_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"
#include "pool/base/string_list.h"

struct path_filter;

/**
 * @param base    absolute directory for relative patterns; copied, as the patterns are
 * @return the filter, or NULL: ERR_MEMORY
 * @owns the caller: path_filter_free()
 */
struct path_filter *path_filter_new(const char *base, const struct string_list *watch,
                                    const struct string_list *ignore, struct error *err);
void path_filter_free(struct path_filter *filter);

/** Whether an absolute path matches a `watch` pattern and no `ignore` pattern. */
bool path_filter_watches(const struct path_filter *filter, const char *path);
/** Whether an absolute path matches an `ignore` pattern. */
bool path_filter_ignores(const struct path_filter *filter, const char *path);

/**
 * Visit every file that the filter watches and every directory that could hold one (so that new
 * files are noticed).  Symbolic links to directories are followed up to PATH_FILTER_DEPTH levels.
 * @param root  only what is there or below, in time that depends on that only; NULL: everything
 */
void path_filter_walk(const struct path_filter *filter, const char *root,
                      void (*visit)(void *ctx, const char *path, bool is_directory), void *ctx);

/** Deeper trees are cut off: they are loops of symbolic links. */
enum { PATH_FILTER_DEPTH = 40 };

/** One pattern against one path, both whole. */
bool path_matches(const char *pattern, const char *path);

#endif
