/**
 * The C stack of a thread that got a fatal signal: which images its frames lie in, and where.
 *
 * The worker writes it as text, from the signal handler; the supervisor looks which frame is an
 * extension module's.  A line is `  Binary file "FILE", at +OFFSET` (addr2line -e FILE OFFSET), the
 * innermost frame first.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_LINK_C_STACK_H
#define FCGI_HOST_LINK_C_STACK_H

#include <stdbool.h>
#include <stddef.h>

/** What stands before the frames. */
#define C_STACK_HEADING "C stack (most recent call first):\n"

/** Load what c_stack_write() needs.  Once, before it. */
void c_stack_prepare(void);

/**
 * Write the stack of the code that the signal has interrupted.
 *
 * Async-signal-safe: no memory is allocated, and no lock of the dynamic linker taken.  A stack that
 * is damaged may lead nowhere, or to another signal.
 * @param handler_return  __builtin_return_address(0) of the signal handler
 * @thread the one that got the signal; the first one only, others write nothing
 */
void c_stack_write(int fd, const void *handler_return);

/**
 * The innermost frame of an extension module: neither of the program, nor of Python, nor of another
 * library.
 * @param text          what was written, NUL-terminated; other text may stand around it
 * @param[out] ret_file its file; "" if there is none
 */
void c_stack_find_extension(const char *text, char *ret_file, size_t file_bytes);

#endif
