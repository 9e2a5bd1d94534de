/**
 * A small file that outlives the host, in a folder of the host's own.
 *
 * It is written as a whole: to a file beside it, which then takes its name.  A reader finds the
 * file before or the file after, whoever writes, and whatever ends the writer.  Of two hosts that
 * write at once the last one's file stays.
 *
 * Only a file that nobody else can have written is read: a plain file (no symbolic link), of this
 * process's user, which others may not write.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_STATE_FILE_H
#define FCGI_HOST_SUPERVISOR_STATE_FILE_H

#include <stddef.h>

#include "pool/base/error.h"

/** See whether files can be written in a folder; make it (mode 0700) if only it is missing.
 *  @return 0, or -1: ERR_SYSTEM */
int state_file_prepare(const char *folder, struct error *err);

/**
 * @param most           bytes that are read at most
 * @param[out] ret_text  malloc'ed and NUL-terminated; NULL: there is no such file
 * @return 0, or -1: ERR_PROTOCOL (there is one, but it is not to be read), ERR_SYSTEM, ERR_MEMORY
 */
int state_file_read(const char *folder, const char *name, size_t most, char **ret_text,
                    size_t *ret_bytes, struct error *err);

/** Write the whole file, mode 0600, and see it on the disk. Errors: ERR_SYSTEM */
int state_file_write(const char *folder, const char *name, const char *text, size_t bytes,
                     struct error *err);

/** Give the file the name "NAME.bad"; one that has it goes. Errors: ERR_SYSTEM */
int state_file_set_aside(const char *folder, const char *name, struct error *err);

#endif
