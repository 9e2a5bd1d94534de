/**
 * A set of absolute paths.
 *
 * @thread one at a time (its owner's lock)   @tstate none
 */
#ifndef RELOAD_WATCH_PATH_SET_H
#define RELOAD_WATCH_PATH_SET_H

#include <stdbool.h>
#include <stddef.h>

struct path_set;

/** @return an empty set, or NULL: out of memory   @owns the caller: path_set_free() */
struct path_set *path_set_new(void);
void path_set_free(struct path_set *set);

/** Add a path; copied. @return 1 added, 0 it was there, -1 out of memory */
int path_set_add(struct path_set *set, const char *path);
bool path_set_has(const struct path_set *set, const char *path);
size_t path_set_count(const struct path_set *set);

/** Remove a path and all paths below it. */
void path_set_remove_below(struct path_set *set, const char *path);
void path_set_clear(struct path_set *set);

/** In no order. `visit` must not change the set. */
void path_set_each(const struct path_set *set, void (*visit)(void *ctx, const char *path),
                   void *ctx);

/** Whether `path` is `folder` or lies below it. */
bool path_is_below(const char *path, const char *folder);

#endif
