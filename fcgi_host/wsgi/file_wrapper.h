/**
 * wsgi.file_wrapper: an iterable over a file's blocks that the host can send without reading
 * them when the file is a regular one.
 *
 * Follows: PEP 3333, "Optional Platform-Specific File Handling".
 * @thread any thread of the interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_FILE_WRAPPER_H
#define FCGI_HOST_WSGI_FILE_WRAPPER_H

#include <sys/types.h>

#include "fcgi_host/wsgi/state.h"

/** Make the type. @return a new reference, or NULL with an exception */
PyTypeObject *wsgi_file_wrapper_type_new(PyObject *module);

/**
 * Find the bytes that iterating over `wrapper` would give: from the file's position to the end of a
 * regular file, if its read() is known to do nothing but read these bytes.
 * @return 1 found, 0 iterate instead, -1 with an exception
 */
int wsgi_file_wrapper_region(struct wsgi_state *state, PyObject *wrapper, int *ret_fd,
                             off_t *ret_offset, size_t *ret_size);

#endif
