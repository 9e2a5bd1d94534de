/**
 * Text for a terminal: what a document holds is for applications to choose, or for whatever process
 * answered; no escape sequence in it reaches the terminal.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_TERMINAL_H
#define FCGI_HOST_STATUS_TERMINAL_H

#include <stdio.h>

/** Write `text` escaped (log_text.h), and spaces up to `width` bytes. Out of memory: spaces only.
 */
void terminal_put(FILE *out, const char *text, int width);

#endif
