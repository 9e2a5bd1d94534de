/**
 * The bytes of a descriptor, all of them: read(2) and write(2) may do less at a time.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_BASE_FILE_BYTES_H
#define FCGI_HOST_BASE_FILE_BYTES_H

#include <stddef.h>

#include "pool/base/error.h"

/** Write on, after a signal too. @return 0, or -1 with errno */
int file_bytes_write(int fd, const void *bytes, size_t size);

/** Read a file from its begin. @param size  how much it has
 *  @return malloc'ed and NUL-terminated, or NULL: ERR_MEMORY, ERR_SYSTEM (it has less, too) */
char *file_bytes_read(int fd, size_t size, struct error *err);

#endif
