/**
 * The calling thread's Python stack as text, made inside a signal handler.
 *
 * @thread any  @tstate any; async-signal-safe, but a read may fault (inspect_frames())
 */
#ifndef FCGI_HOST_APP_STACK_TEXT_H
#define FCGI_HOST_APP_STACK_TEXT_H

#include "pool/python/py_compat.h"

#include <stddef.h>

/**
 * Write a line `  File "FILE", line N in FUNCTION` for each frame, the innermost first, as
 * faulthandler does; "  ..." where there are too many.
 * @param tstate  the thread's
 */
void stack_text_write(const PyThreadState *tstate, char *text, size_t text_bytes);

#endif
