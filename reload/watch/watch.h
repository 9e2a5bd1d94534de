/**
 * Watching paths by inotify: the directory that a file is in, and all that leads there.
 *
 * Each component of a path is watched:
 *  - a symbolic link itself, and then where it leads,
 *  - a directory above the file for being moved or removed,
 *  - the directory of the file for what happens in it: editors save by renaming a new file over the
 *    old one, so that watching the file itself would miss that,
 *  - where the path ends early, the last directory that exists, for the next component to appear.
 *
 * An event only says that something may have changed; file_set.h compares, and finds out what.
 *
 * A folder that is watched with all that leads to it is known: to watch it again, or a file in it,
 * asks the kernel nothing.  What happens to it or above makes it unknown again.
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

/** Without inotify (no instance is left, the kernel has none) nothing is told, and watch_path()
 * says
 *  ERR_BUSY.
 *  @return the watch, or NULL: ERR_SYSTEM, ERR_MEMORY   @owns the caller */
struct watch *watch_new(struct error *err);
void watch_free(struct watch *watch);

/** Readable when there is something for watch_read(). */
int watch_fd(const struct watch *watch);

/**
 * Watch a file or directory (absolute path), which need not exist.
 * @return 0, or -1: ERR_BUSY when the kernel's limit of watches, or of inotify instances, is
 * reached
 *         (some components may be watched; poll), ERR_MEMORY
 */
int watch_path(struct watch *watch, const char *path, bool is_directory, struct error *err);

/** Tell of WATCH_TIMES and WATCH_WRITING of the file that has this name now. */
void watch_touch(struct watch *watch, const char *path);

enum watch_news {
    WATCH_FILE,   /**< something happened to this file */
    WATCH_FOLDER, /**< a folder or link of this path came or went: what is there, or below, must be
                       watched anew; all other paths are as they were */
    WATCH_ALL,    /**< a folder or link that leads to watched paths came or went (`path`), or events
                       were lost (`path` is NULL): every path must be watched anew */
    WATCH_TIMES,  /**< of watch_touch(): times were set, or the mode, or the number of links */
    WATCH_WRITING, /**< of watch_touch(): something is being written */
};

/**
 * Take in all waiting events, without blocking.
 * @param event  for each: the path that something happened to, joined from the folder and the name
 */
void watch_read(struct watch *watch,
                void (*event)(void *ctx, const char *path, enum watch_news news), void *ctx);

#endif
