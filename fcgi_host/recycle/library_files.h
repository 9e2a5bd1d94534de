/**
 * The files of extensions and their libraries in a process that imports them for others: a
 * template, which is of no use any more when one of them was replaced.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_RECYCLE_LIBRARY_FILES_H
#define FCGI_HOST_RECYCLE_LIBRARY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"

struct library_files;

/** Call it before the first import. @return NULL: ERR_MEMORY  @owns as long as the process */
struct library_files *library_files_new(struct error *err);

/** @param[out] ret_why  which file is another one than was loaded
 *  @return whether that is so, or cannot be told */
bool library_files_have_changed(struct library_files *files, char *ret_why, size_t size);

#endif
