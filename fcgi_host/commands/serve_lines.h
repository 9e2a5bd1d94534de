/**
 * Lines about requests that the web server of `fcgi_host serve` has answered itself, read from a
 * pipe and written to standard error as the host writes its own (base/short_line.h): one write
 * each, since several processes write there.
 *
 * @thread the process's only one   @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_SERVE_LINES_H
#define FCGI_HOST_COMMANDS_SERVE_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SERVE_LINE_BYTES = 16 << 10,
    /** A process of a server that was killed may have the pipe for ever. */
    SERVE_LINES_END_MS = 1000,
};

struct serve_lines {
    int fd;              /**< the pipe's end; not blocking; -1: none */
    double time_unit_ms; /**< serve_time_unit_ms() */
    size_t size;         /**< of what stands in the buffer */
    char buffer[SERVE_LINE_BYTES + 1];
};

/**
 * @param line  "GET /a?b HTTP/1.1 200 TIME", without a newline, with a NUL
 * @param ret_text  has room for SHORT_LINE_END_BYTES more than the line
 * @return the length of what is to be written, with a newline
 */
size_t serve_line_text(const char *line, size_t size, double time_unit_ms, bool has_colours,
                       char *ret_text);

/** Write all lines that are there. @return whether more may come: the other end is open */
bool serve_lines_pass(struct serve_lines *lines);

/** Write what is still to come of a server that has ended: lighttpd writes through a process of its
 *  own, which ends a moment later.  Waits SERVE_LINES_END_MS at most for each. */
void serve_lines_end(struct serve_lines *lines);

#endif
