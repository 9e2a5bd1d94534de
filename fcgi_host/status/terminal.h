/**
 * Text for a terminal.  Applications, or any process that answered, may have chosen the text: no
 * escape sequence in it reaches the terminal.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_TERMINAL_H
#define FCGI_HOST_STATUS_TERMINAL_H

#include <stdio.h>

/** Write `text` escaped (log_text.h) and spaces up to `width` bytes. Out of memory: spaces only. */
void terminal_put(FILE *out, const char *text, int width);

#endif
