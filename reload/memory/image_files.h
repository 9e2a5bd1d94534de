/**
 * Whether the files of loaded images are still the ones that were mapped.
 *
 * dlopen() of a path that is loaded gives the loaded image, whatever file has that name by now: a
 * library that pip or a package manager has replaced is not seen until another process loads it.
 * What is mapped is noted once for the whole process, by the kernel's words: an image's mapping is
 * compared with a mapping of the file that is there at that moment.  From then on the file is
 * compared by device, inode, size and times.  One that was written between two looks, in which it
 * was loaded, may hold something else than was loaded: it is doubtful.
 *
 * Only absolute paths are noted.  A file that is gone is not another one: nothing newer can be
 * loaded.
 *
 * @thread any  @tstate any
 * Follows: proc(5) "/proc/pid/maps"
 */
#ifndef RELOAD_MEMORY_IMAGE_FILES_H
#define RELOAD_MEMORY_IMAGE_FILES_H

#include <stdbool.h>
#include <time.h>

#include "pool/base/error.h"
#include "reload/memory/image.h"

/**
 * Note the files of those images in a list that are not noted yet.
 * @param list       NULL: nothing was loaded since the last time
 * @param looked_at  before the list was made: CLOCK_REALTIME_COARSE, which st_ctim follows
 * @return 0, or -1: ERR_MEMORY
 */
int image_files_note(const struct image_list *list, const struct timespec *looked_at,
                     struct error *err);

enum image_file_state {
    IMAGE_FILE_SAME,
    IMAGE_FILE_DOUBTFUL, /**< it was written about when it was loaded */
    IMAGE_FILE_ANOTHER,
};

/** Whether the file that has the image's path is the one that was mapped: one stat(). */
enum image_file_state image_files_look(const struct image *image);

/** Whether the file has become shorter than what is mapped of it: who reads an image's memory there
 *  gets SIGBUS.  One stat(). */
bool image_files_is_cut(const struct image *image);

#endif
