/**
 * How a request is told to somebody who looks at a terminal: "GET /a?b 200 12.3 ms".  The end of
 * such a line, which the host writes for its requests and `fcgi_host serve` for those that the web
 * server has answered itself; and whether somebody wants colours.
 *
 * Follows: https://no-color.org
 * @tstate any
 */
#ifndef FCGI_HOST_BASE_SHORT_LINE_H
#define FCGI_HOST_BASE_SHORT_LINE_H

#include <stdbool.h>
#include <stddef.h>

/** Most bytes of the end of a line. */
enum { SHORT_LINE_END_BYTES = 64 };

/**
 * " 200 12.3 ms"; green below 300, cyan below 400, yellow below 500, red above.
 * @return its length, without the NUL behind it
 * @thread any; pure
 */
size_t short_line_end(char ret_end[SHORT_LINE_END_BYTES], unsigned status, double ms,
                      bool has_colours);

/** Whether what is written there gets colours: a terminal, and NO_COLOR is not set.
 *  @thread while nobody changes the environment */
bool short_line_has_colours(int fd);

#endif
