/**
 * The files a generation was made from, with what they held: tells whether an edit changed
 * anything.  A file is compared by a fingerprint of its content, not by its times: `touch` changes
 * nothing (but see file_set_touched()), and two edits within a second that keep the size are two
 * changes.  A symbolic link on its path that leads elsewhere is a change, too.
 *
 * Only regular files have content: a device, FIFO, socket or folder of that name is never opened.
 *
 * @thread one at a time (its owner's lock)   @tstate none
 */
#ifndef RELOAD_WATCH_FILE_SET_H
#define RELOAD_WATCH_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "pool/base/error.h"

struct file_set;

/**
 * A larger file is not read but compared by size, modification time and inode: the owner's lock is
 * held meanwhile, source and templates are far smaller, and this much takes milliseconds.
 */
enum { FILE_SET_BYTES_MAX = 16 << 20 };

/** @return an empty set or NULL: ERR_MEMORY   @owns the caller: file_set_free() */
struct file_set *file_set_new(struct error *err);
void file_set_free(struct file_set *set);

/**
 * Add a file (absolute path) as it is now; nothing if it is there already.
 * @param read_at  just before it was read, by CLOCK_REALTIME_COARSE: content newer than that may
 *                 not be what was read, so it counts as changed until settled, as a file does that
 *                 is gone.  NULL: trust it
 * @return 1 added, 0 known or no regular file (which is noted), -1 ERR_MEMORY.  A file that does
 *         not exist is noted as absent.
 */
int file_set_add(struct file_set *set, const char *path, const struct timespec *read_at,
                 struct error *err);

/**
 * A file's times were set and nothing was written: at the next look it counts as changed when its
 * time of modification is another one.  Nothing if it is not in the set.
 */
void file_set_touched(struct file_set *set, const char *path);

/** Whether the file may have been written after it was read, see file_set_add(). */
bool file_set_is_uncertain(const struct file_set *set, const char *path);

bool file_set_has(const struct file_set *set, const char *path);
void file_set_each(const struct file_set *set, void (*visit)(void *ctx, const char *path),
                   void *ctx);

/** Call `visit` for each file whose content is not compared. @param why  a static text */
void file_set_each_unread(const struct file_set *set,
                          void (*visit)(void *ctx, const char *path, const char *why), void *ctx);

/**
 * Compare every file with what is on disk now, and take that as the state to compare with from
 * now on.  A file is read again only when its times have changed.
 * @param[out] ret_first  the first changed path found (may be NULL)
 * @return how many changed
 */
size_t file_set_changed(struct file_set *set, char *ret_first, size_t size);

/**
 * After a load that began with the files of `before`: a file that may be newer than what was read
 * counts as read when its content is still that of `before`.
 */
void file_set_settle(struct file_set *set, const struct file_set *before);

/** Add to `set` the files that are only in `other`, as they are there. Errors: ERR_MEMORY */
int file_set_merge(struct file_set *set, const struct file_set *other, struct error *err);

#endif
