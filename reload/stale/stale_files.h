/**
 * The files of the images that an interpreter uses: its modules in sys.modules, and the libraries
 * that come with them.
 *
 * @thread one at a time  @tstate attached, to any interpreter that shares the GIL
 */
#ifndef RELOAD_STALE_STALE_FILES_H
#define RELOAD_STALE_STALE_FILES_H

#include "pool/python/py_compat.h"

#include <stdbool.h>

#include "pool/base/error.h"
#include "reload/memory/image.h"

/**
 * Find an image whose file is another one than was mapped.
 * @param interpreter       NULL: all images are looked at, of whomever
 * @param[out] ret_is_sure  false: it may be so (image_files.h), or there is none
 * @param[out] ret_changed  in words; "": there is none
 * @return 0, or -1: ERR_MEMORY
 */
int stale_files_check(struct image_list *images, PyInterpreterState *interpreter, bool *ret_is_sure,
                      char *ret_changed, size_t size, struct error *err);

/**
 * Find what an interpreter uses that did not come with the standard library: an extension, or a
 * library that none of the standard library's was linked with.
 * @param[out] ret_foreign  in words; "": there is none
 * @return 0, or -1: ERR_MEMORY  @tstate attached to the interpreter, which may have its own GIL
 */
int stale_files_find_foreign(struct image_list *images, PyInterpreterState *interpreter,
                             char *ret_foreign, size_t size, struct error *err);

/**
 * Whether the memory of all images can be read: a file that was cut short has taken it along.
 * @return 0, or -1: ERR_SYSTEM
 */
int stale_files_are_whole(const struct image_list *images, struct error *err);

/**
 * Visit the libraries that are not the system's: those from another folder than the libraries that
 * the program itself was linked with.
 * @return 0, or -1: ERR_MEMORY
 */
int stale_files_each_library(struct image_list *images, PyInterpreterState *interpreter,
                             void (*visit)(void *ctx, const char *path), void *ctx,
                             struct error *err);

#endif
