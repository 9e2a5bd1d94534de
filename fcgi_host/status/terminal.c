#include "fcgi_host/status/terminal.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log_text.h"

void terminal_put(FILE *out, const char *text, int width) {
    size_t room = log_text_escaped_bytes(text, strlen(text));
    char *safe = malloc(room);
    if (safe) {
        log_text_escape(safe, room, text, strlen(text));
    }
    fprintf(out, "%-*s", width, safe ? safe : "");
    free(safe);
}
