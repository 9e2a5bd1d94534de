#include "fcgi_host/base/short_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ECMA-48 §8.3.117, SGR */
#define GREEN "\033[32m"
#define CYAN "\033[36m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define NORMAL "\033[0m"

static const char *colour_of(unsigned status) {
    return status < 300 ? GREEN : status < 400 ? CYAN : status < 500 ? YELLOW : RED;
}

size_t short_line_end(char ret_end[SHORT_LINE_END_BYTES], unsigned status, double ms,
                      bool has_colours) {
    int size =
        snprintf(ret_end, SHORT_LINE_END_BYTES, " %s%u%s %.1f ms",
                 has_colours ? colour_of(status) : "", status, has_colours ? NORMAL : "", ms);
    return size < SHORT_LINE_END_BYTES ? (size_t)size : SHORT_LINE_END_BYTES - 1;
}

bool short_line_has_colours(int fd) {
    const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
    return isatty(fd) && !(no_color && *no_color) && !(kind && strcmp(kind, "dumb") == 0);
}
