/**
 * Directories under inotify, and what on their path decides where they lead.
 *
 * For a path that matters, every component is looked at: a symbolic link is watched itself (it is
 * not followed silently), a directory above for being moved or removed, the directory of the file
 * for what happens in it, and, where the path ends early, the last directory that exists for the
 * next component to appear.  Directories, not files, are watched for content: editors save by
 * renaming a new file over the old one.
 *
 * What is told is "look again"; what changed is found by comparing (file_set.h).
 *
 * Follows: inotify(7), "Limitations and caveats".
 * @thread one at a time (the reloader's)   @tstate none
 */
#ifndef RELOAD_WATCH_WATCH_H
#define RELOAD_WATCH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

struct watch;

/** @return the watch, or NULL: ERR_SYSTEM (inotify_init1), ERR_MEMORY   @owns the caller */
struct watch *watch_new(struct error *err);
void watch_free(struct watch *watch);

/** Readable when there is something for watch_read(). */
int watch_fd(const struct watch *watch);

/**
 * Watch a file or directory (absolute path), which need not exist.
 * @return 0, or -1: ERR_BUSY when the kernel's limit of watches is reached (what could be watched
 *         is; poll the rest), ERR_MEMORY
 */
int watch_path(struct watch *watch, const char *path, bool is_directory, struct error *err);

/**
 * Take in all waiting events, without blocking.
 * @param event  for each: `path` that something happened to (joined from the directory and the
 *               name), or NULL after a queue overflow: look at everything again.
 *               `is_structure`: a directory or link on a watched path moved, went or appeared, so
 *               every path below must be watched anew.
 */
void watch_read(struct watch *watch, void (*event)(void *ctx, const char *path, bool is_structure),
                void *ctx);

#endif
