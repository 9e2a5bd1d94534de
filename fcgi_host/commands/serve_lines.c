#include "fcgi_host/commands/serve_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/short_line.h"

/** Take the last word off. @return it; NULL: there is none */
static const char *last_word(const char *line, size_t *size) {
    const char *blank = memrchr(line, ' ', *size);
    if (!blank) {
        return NULL;
    }
    *size = (size_t)(blank - line);
    return blank + 1;
}

size_t serve_line_text(const char *line, size_t size, double time_unit_ms, bool has_colours,
                       char *ret_text) {
    size_t request = size;
    const char *time = last_word(line, &request);
    const char *status = time ? last_word(line, &request) : NULL;
    size_t without_protocol = request;
    const char *protocol = status ? last_word(line, &without_protocol) : NULL;
    if (protocol && strncmp(protocol, "HTTP/", strlen("HTTP/")) == 0) {
        request = without_protocol;
    }
    request = status ? request : size;
    memcpy(ret_text, line, request);
    for (size_t i = 0; i < request; i++) { /* servers escape these; terminals obey them */
        unsigned char byte = (unsigned char)ret_text[i];
        ret_text[i] = byte < 0x20 || byte >= 0x7f ? '?' : ret_text[i];
    }
    if (status) {
        request += short_line_end(ret_text + request, (unsigned)strtoul(status, NULL, 10),
                                  strtod(time, NULL) * time_unit_ms, has_colours);
    }
    ret_text[request] = '\n';
    return request + 1;
}

static void write_line(struct serve_lines *lines, size_t size) {
    char text[SERVE_LINE_BYTES + SHORT_LINE_END_BYTES + 1];
    lines->buffer[size] = '\0';
    size_t text_bytes = serve_line_text(lines->buffer, size, lines->time_unit_ms,
                                        short_line_has_colours(STDERR_FILENO), text);
    if (write(STDERR_FILENO, text, text_bytes) < 0) {
        return; /* nobody reads it: there is no other place to say so */
    }
}

bool serve_lines_pass(struct serve_lines *lines) {
    for (;;) {
        char *newline = memchr(lines->buffer, '\n', lines->size);
        if (newline || lines->size == SERVE_LINE_BYTES) { /* longer ones are cut up */
            size_t size = newline ? (size_t)(newline - lines->buffer) : lines->size;
            size_t taken = newline ? size + 1 : size;
            write_line(lines, size);
            lines->size -= taken;
            memmove(lines->buffer, lines->buffer + taken, lines->size);
            continue;
        }
        ssize_t got = read(lines->fd, lines->buffer + lines->size, SERVE_LINE_BYTES - lines->size);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        lines->size += (size_t)got;
    }
}

void serve_lines_end(struct serve_lines *lines) {
    struct pollfd wait = {.fd = lines->fd, .events = POLLIN};
    while (lines->fd >= 0 && poll(&wait, 1, SERVE_LINES_END_MS) > 0 && serve_lines_pass(lines)) {
    }
}
